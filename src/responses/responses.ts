/** Responses as callers see them (operations 49 to 52); what moves one is responseWork. */
import { Readable } from 'node:stream';
import { ApiError, errors, TooLargeError } from '../errors';
import { ModelError } from '../models/ports';
import type { Scope } from '../scope';
import { orderKey } from '../storage/keys';
import { pageWithin } from '../storage/pages';
import { withRetries } from '../storage/optimistic';
import { ConflictError, type Change, type DueRecord, type PageRequest, type StoredRecord } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import type { CreateResponseRequest, ResponseObject } from '../wire/responses';
import { advanceResponse } from './advanceResponse';
import type { ResponseReference } from './backgroundRecords';
import { createBackgroundResponses } from './backgroundResponses';
import { creation } from './backgroundWrites';
import { checkParts, partReader } from './chatItems';
import { contextBefore, inputOf, previousResponse, readChain, readConversationContext, type Context } from './context';
import { conversationIdOf, conversationPlace, type ConversationPlace } from './conversationRecords';
import { ConversationTurn } from './conversationTurn';
import { checkCalls, checkDistinct, storedItems } from './inputItems';
import { newResponse, settingsOf, type ProjectTerms } from './newResponse';
import type { ResponsesPorts } from './ports';
import { endHeld, responseEvent, silent, type ResponseSink } from './responseEvents';
import { failureOf } from './responseFailure';
import { newResponseKey, type ResponseKey } from './responseIds';
import {
  chainPartition,
  HEAD,
  headKey,
  inputBlob,
  TURNS,
  turnKey,
  type HeadRecord,
  type StoredResponse,
  type TurnRecord,
} from './responseRecords';
import { findResponse, packed } from './turnRecords';
import { ResponseWork, type ResponseTask } from './responseWork';

/** Inputs of more bytes lie in a blob, so that reading a conversation stays cheap. */
const MAX_INLINE_INPUT = 64 * 1024;
/** Bytes of instructions, tools and whatever else a response shows of its request. */
const MAX_SETTINGS = 1024 * 1024;

/** A response that was checked and can be answered. */
export interface PreparedResponse extends ResponseTask {
  /** Its own input. */
  input: ResponseItem[];
  previous: { key: ResponseKey; order: string } | null;
  /** The conversation that it is given in, locked until the answer's end. */
  conversation: ConversationTurn | null;
}

export type Responses = ReturnType<typeof createResponses>;

/** The responses of a scope. Methods throw 404 for an id that is not there. */
export function createResponses(ports: ResponsesPorts) {
  const { records, blobs, now } = ports;
  const background = createBackgroundResponses(ports);

  /** Checks the request and reads what it continues. Throws 400 and 404; makes nothing, but locks the conversation for the answer that follows. */
  async function prepare(
    scope: Scope,
    body: CreateResponseRequest,
    { signal, ...terms }: ProjectTerms & { signal?: AbortSignal } = {},
  ): Promise<PreparedResponse> {
    const settings = await settingsOf(ports, scope, body, terms);
    const before = body.previous_response_id
      ? await previousResponse(ports, scope, body.previous_response_id)
      : undefined;
    const place = body.conversation ? conversationPlace(scope, idOf(body.conversation)) : undefined;
    const key = newResponseKey(before && (await isHead(scope, before.key)) ? before.key.chain : place?.key);
    const conversation = place ? await ConversationTurn.begin(ports, place, key.turn) : null;
    try {
      const input = await storedItems(ports, scope, body.input, key);
      const context = await contextOf(scope, before, place);
      if (place) checkDistinct(input, context.items, 'input');
      const items = [...context.items, ...input];
      if (items.length === 0) throw errors.missingParameter('input');
      checkCalls(items, context.isCut);
      await checkParts(ports, scope, input, signal);
      const at = Math.floor(now() / 1000);
      const response = newResponse(settings, key, at, place ? conversationIdOf(place.key) : null);
      if (Buffer.byteLength(JSON.stringify(response)) > MAX_SETTINGS) throw new TooLargeError(MAX_SETTINGS);
      return {
        scope,
        key,
        settings,
        response,
        items,
        input,
        files: {},
        earlierFiles: context.files,
        previous: before ? { key: before.key, order: before.order } : null,
        conversation,
        patientUntil: 0,
      };
    } catch (error) {
      await conversation?.release();
      throw error;
    }
  }

  async function contextOf(
    scope: Scope,
    before: Awaited<ReturnType<typeof previousResponse>> | undefined,
    place: ConversationPlace | undefined,
  ): Promise<Context> {
    if (before) return readChain(ports, scope, before.key, before.stored);
    return place ? readConversationContext(ports, place) : { items: [], files: {}, isCut: false };
  }

  const isHead = async (scope: Scope, { chain, turn }: ResponseKey): Promise<boolean> =>
    (await records.get<HeadRecord>(headKey(scope, chain)))?.value.turn === turn;

  /**
   * Answers the response and stores it, unless it is not to be stored. Throws what the model refused before it said anything, as long as the caller can be told so by a
   * status; what fails later ends the response as failed. Rejects with the signal's reason, and then stores nothing.
   */
  async function answer(
    prepared: PreparedResponse,
    sink: ResponseSink,
    signal: AbortSignal,
    isStatusSent: () => boolean = () => false,
  ): Promise<ResponseObject> {
    const { conversation, input } = prepared;
    try {
      const held = endHeld(sink);
      const { response, files } = await answered(prepared, held.sink, signal, isStatusSent);
      if (response.store) await store(prepared, { response, files });
      // Also of a response that is not stored: the caller has named the conversation.
      await conversation?.append(response.status, [...input, ...response.output]);
      await held.tellEnd();
      return response;
    } finally {
      await conversation?.release();
    }
  }

  async function answered(
    prepared: PreparedResponse,
    sink: ResponseSink,
    signal: AbortSignal,
    isStatusSent: () => boolean,
  ): Promise<ResponseWork> {
    const parts = partReader(ports, prepared.scope, signal);
    const work = new ResponseWork(ports, prepared, sink, signal, parts);
    await sink(responseEvent('created', work.response));
    await sink(responseEvent('in_progress', work.response));
    try {
      await work.go();
    } catch (error) {
      signal.throwIfAborted();
      if (!work.hasOutput && !isStatusSent() && (error instanceof ModelError || error instanceof ApiError)) throw error;
      await work.end('failed', { error: failureOf(error, ports, work.response.id) });
    }
    return work;
  }

  /** Stores a response that is answered in the background: its orchestration drives it, or the sweep starts that. Throws 413 for settings that are too large. */
  async function begin(prepared: PreparedResponse): Promise<ResponseObject> {
    const { response, files, settings, conversation } = prepared;
    try {
      const stored = { response, files, streams: settings.body.stream ?? false };
      await store(prepared, stored, creation(prepared, prepared, now()));
    } catch (error) {
      await conversation?.release();
      throw error;
    }
    await conversation?.handOver();
    return response;
  }

  /** Stores a response with its input, as the newest of its chain. */
  async function store(
    { scope, key, input, previous, conversation }: PreparedResponse,
    answered: Pick<StoredResponse, 'response' | 'files' | 'streams'>,
    also: { changes: Change[]; due: DueRecord[] } = { changes: [], due: [] },
  ): Promise<void> {
    const text = JSON.stringify(input);
    const isLarge = text.length > MAX_INLINE_INPUT;
    const blob = inputBlob(scope, key);
    if (isLarge) await blobs.put(blob, Readable.from([text]));
    const value: StoredResponse = {
      ...answered,
      input: isLarge ? { blob } : input,
      previous: previous?.key ?? null,
      ...(conversation && { conversation: { key: conversation.place.key, order: conversation.order } }),
    };
    const due = { add: [...also.due, ...(conversation?.dueChanges.add ?? [])] };
    const head = await records.get<HeadRecord>(headKey(scope, key.chain));
    const changes: Change[] = [
      { op: 'create', list: TURNS, id: key.turn, order: orderKey(now(), previous?.order), value: packed(value) },
      ...also.changes,
    ];
    await records
      .write(chainPartition(scope, key.chain), [...changes, headChange(key, head)], due)
      .catch(async (error: unknown) => {
        // Another response continued the same one meanwhile; both may, and the first stays the head.
        if (!(error instanceof ConflictError)) throw error;
        await records.write(chainPartition(scope, key.chain), changes, due);
      });
  }

  async function read(scope: Scope, id: string): Promise<{ key: ResponseKey; stored: StoredResponse }> {
    const found = await findResponse(records, scope, id);
    if (!found) throw errors.noResponse(id);
    return found;
  }

  const get = async (scope: Scope, id: string): Promise<ResponseObject> => (await read(scope, id)).stored.response;

  /** Deletes the response, its input and what it was answered; responses that continue it go on without it. */
  async function remove(scope: Scope, id: string): Promise<void> {
    const driven = await withRetries(async () => {
      const removal = await background.removal(scope, id);
      const { key, stored } = await read(scope, id);
      const { previous, conversation, input } = stored;
      const { partition, list } = turnKey(scope, key);
      const value: TurnRecord = { deleted: true, previous, conversation };
      const deleted: Change = { op: 'replace', list, id: key.turn, value };
      await records.write(partition, [deleted, ...(removal?.changes ?? [])], removal?.due);
      if (!Array.isArray(input)) await blobs.delete(input.blob);
      return removal;
    });
    await driven?.finish();
  }

  /**
   * The items that the response was made of, as pages: what it continues, then its own input. So the service has it: callers show a conversation by the items of its last
   * response. Throws 400 for a cursor that is none of them.
   */
  async function inputItems(
    scope: Scope,
    id: string,
    page: PageRequest,
  ): Promise<{ data: ResponseItem[]; hasMore: boolean }> {
    const { stored } = await read(scope, id);
    const { items } = await contextBefore(ports, scope, stored);
    return pageWithin([...items, ...(await inputOf(ports, stored))], page);
  }

  /** How many tokens the model would read of such a request, tools included. Throws as {@link prepare}, and 424 for an MCP server that does not list its tools. */
  async function countInput(scope: Scope, body: CreateResponseRequest, signal: AbortSignal): Promise<number> {
    const prepared = await prepare(scope, body, { signal });
    try {
      const work = new ResponseWork(ports, prepared, silent, signal, partReader(ports, scope, signal));
      return await work.inputTokens();
    } finally {
      await prepared.conversation?.release();
    }
  }

  const { cancel, follow } = background;
  return {
    prepare,
    answer,
    begin,
    advance: async (reference: ResponseReference) => advanceResponse(ports, reference),
    get,
    cancel,
    follow,
    remove,
    inputItems,
    countInput,
  };
}

const idOf = (conversation: string | { id: string }): string =>
  typeof conversation === 'string' ? conversation : conversation.id;

const headChange = ({ turn }: ResponseKey, head: StoredRecord<HeadRecord> | undefined): Change =>
  head
    ? { op: 'replace', list: HEAD, id: HEAD, value: { turn }, ifMatch: head.etag }
    : { op: 'create', list: HEAD, id: HEAD, order: '', value: { turn } };
