/** Responses as callers see them (operations 49 to 52); what moves one is responseWork. */
import { Readable } from 'node:stream';
import { ApiError, errors } from '../errors';
import { ModelError } from '../models/ports';
import type { Scope } from '../scope';
import { orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { ConflictError, type Change, type DueChanges, type PageRequest, type StoredRecord } from '../storage/ports';
import type { ResponseItem } from '../wire/responseItems';
import type { CreateResponseRequest, ResponseObject } from '../wire/responses';
import { advanceResponse } from './advanceResponse';
import type { ResponseReference } from './backgroundRecords';
import { createBackgroundResponses } from './backgroundResponses';
import { creation } from './backgroundWrites';
import { partReader } from './chatItems';
import { inputOf, previousResponse, readChain } from './context';
import { checkCalls, storedItems } from './inputItems';
import { newResponse, settingsOf } from './newResponse';
import type { ResponsesPorts } from './ports';
import { responseEvent, type ResponseSink } from './responseEvents';
import { failureOf } from './responseFailure';
import { newResponseKey, responseKeyOf, type ResponseKey } from './responseIds';
import {
  chainPartition,
  headKey,
  inputBlob,
  TURNS,
  turnKey,
  type HeadRecord,
  type StoredResponse,
  type TurnRecord,
} from './responseRecords';
import { ResponseWork, type ResponseTask } from './responseWork';

/** Inputs of more bytes lie in a blob, so that reading a conversation stays cheap. */
const MAX_INLINE_INPUT = 64 * 1024;

/** A response that was checked and can be answered. */
export interface PreparedResponse extends ResponseTask {
  /** Its own input. */
  input: ResponseItem[];
  previous: { key: ResponseKey; order: string } | null;
}

export type Responses = ReturnType<typeof createResponses>;

/** The responses of a scope. Methods throw 404 for an id that is not there. */
export function createResponses(ports: ResponsesPorts) {
  const { records, blobs, now } = ports;
  const background = createBackgroundResponses(ports);

  /** Checks the request and reads what it continues. Throws 400 and 404; makes nothing. */
  async function prepare(
    scope: Scope,
    body: CreateResponseRequest,
    { takesAnyPrompt = false }: { takesAnyPrompt?: boolean } = {},
  ): Promise<PreparedResponse> {
    const settings = await settingsOf(ports, scope, body, takesAnyPrompt);
    const before = body.previous_response_id
      ? await previousResponse(ports, scope, body.previous_response_id)
      : undefined;
    const key = newResponseKey(before && (await isHead(scope, before.key)) ? before.key.chain : undefined);
    const input = await storedItems(ports, scope, body.input, key);
    const context = before ? await readChain(ports, scope, before.key, before.stored) : { items: [], isCut: false };
    const items = [...context.items, ...input];
    if (items.length === 0) throw errors.missingParameter('input');
    checkCalls(items, context.isCut);
    const at = Math.floor(now() / 1000);
    return {
      scope,
      key,
      settings,
      response: newResponse(settings, key, at, null),
      items,
      input,
      files: {},
      previous: before ? { key: before.key, order: before.order } : null,
      patientUntil: 0,
    };
  }

  const isHead = async (scope: Scope, { chain, turn }: ResponseKey): Promise<boolean> =>
    (await records.get<HeadRecord>(headKey(scope, chain)))?.value.turn === turn;

  /**
   * Answers the response and stores it, unless it is not to be stored. Throws what the model refused before it said anything; what fails later ends the response as
   * failed. Rejects with the signal's reason, and then stores nothing.
   */
  async function answer(prepared: PreparedResponse, sink: ResponseSink, signal: AbortSignal): Promise<ResponseObject> {
    const parts = partReader(ports, prepared.scope, signal);
    const work = new ResponseWork(ports, prepared, sink, signal, parts);
    await sink(responseEvent('created', work.response));
    await sink(responseEvent('in_progress', work.response));
    try {
      await work.go();
    } catch (error) {
      signal.throwIfAborted();
      if (!work.hasOutput && (error instanceof ModelError || error instanceof ApiError)) throw error;
      await work.end('failed', { error: failureOf(error, ports, work.response.id) });
    }
    const { response, files } = work;
    if (response.store) await store(prepared, { response, files });
    return response;
  }

  /** Stores a response that is answered in the background: its orchestration drives it, or the sweep starts that. Throws 413 for settings that are too large. */
  async function begin(prepared: PreparedResponse): Promise<ResponseObject> {
    const { response, files, settings } = prepared;
    await store(
      prepared,
      { response, files, streams: settings.body.stream ?? false },
      creation(prepared, prepared, now()),
    );
    return response;
  }

  /** Stores a response with its input, as the newest of its chain. */
  async function store(
    { scope, key, input, previous }: PreparedResponse,
    answered: Pick<StoredResponse, 'response' | 'files' | 'streams'>,
    also: { changes: Change[]; due: DueChanges } = { changes: [], due: {} },
  ): Promise<void> {
    const text = JSON.stringify(input);
    const isLarge = text.length > MAX_INLINE_INPUT;
    const blob = inputBlob(scope, key);
    if (isLarge) await blobs.put(blob, Readable.from([text]));
    const value: StoredResponse = {
      ...answered,
      input: isLarge ? { blob } : input,
      previous: previous?.key ?? null,
    };
    const head = await records.get<HeadRecord>(headKey(scope, key.chain));
    const changes: Change[] = [
      { op: 'create', list: TURNS, id: key.turn, order: orderKey(now(), previous?.order), value },
      ...also.changes,
    ];
    await records
      .write(chainPartition(scope, key.chain), [...changes, headChange(key, head)], also.due)
      .catch(async (error: unknown) => {
        // Another response continued the same one meanwhile; both may, and the first stays the head.
        if (!(error instanceof ConflictError)) throw error;
        await records.write(chainPartition(scope, key.chain), changes, also.due);
      });
  }

  async function read(scope: Scope, id: string): Promise<StoredResponse> {
    const key = responseKeyOf(id);
    const found = key && (await records.get<TurnRecord>(turnKey(scope, key)));
    if (!found || 'deleted' in found.value) throw errors.noResponse(id);
    return found.value;
  }

  const get = async (scope: Scope, id: string): Promise<ResponseObject> => (await read(scope, id)).response;

  /** Deletes the response, its input and what it was answered; responses that continue it go on without it. */
  async function remove(scope: Scope, id: string): Promise<void> {
    const key = responseKeyOf(id);
    const driven = await withRetries(async () => {
      const removal = await background.removal(scope, id);
      const { previous, input } = await read(scope, id);
      if (!key) return undefined;
      const { partition, list } = turnKey(scope, key);
      const deleted: Change = { op: 'replace', list, id: key.turn, value: { deleted: true, previous } };
      await records.write(partition, [deleted, ...(removal?.changes ?? [])], removal?.due);
      if (!Array.isArray(input)) await blobs.delete(input.blob);
      return removal;
    });
    await driven?.finish();
  }

  /** The items of the response's own input, as pages. Throws 400 for a cursor that is none of them. */
  async function inputItems(
    scope: Scope,
    id: string,
    { order, limit, after, before }: PageRequest,
  ): Promise<{ data: ResponseItem[]; hasMore: boolean }> {
    const stored = await inputOf(ports, await read(scope, id));
    const items = order === 'asc' ? stored : stored.toReversed();
    const placeOf = (cursor: string, param: string): number => {
      const place = items.findIndex((item) => item.id === cursor);
      if (place < 0) throw errors.unknownCursor(param, cursor);
      return place;
    };
    const start = after === undefined ? 0 : placeOf(after, 'after') + 1;
    const end = before === undefined ? items.length : placeOf(before, 'before');
    const between = items.slice(start, end);
    // With `before` alone, the page just before it.
    const page = before !== undefined && after === undefined ? between.slice(-limit) : between.slice(0, limit);
    return { data: page, hasMore: page.length < between.length };
  }

  const { cancel, follow } = background;
  const advance = async (reference: ResponseReference) => advanceResponse(ports, reference);
  return { prepare, answer, begin, advance, get, cancel, follow, remove, inputItems };
}

const headChange = ({ turn }: ResponseKey, head: StoredRecord<HeadRecord> | undefined): Change =>
  head
    ? { op: 'replace', list: 'head', id: 'head', value: { turn }, ifMatch: head.etag }
    : { op: 'create', list: 'head', id: 'head', order: '', value: { turn } };
