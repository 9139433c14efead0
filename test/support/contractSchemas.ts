/** Which schema an answer must have, by operation; for events of a stream, by the event's name. */
import { z } from 'zod';
import { assistantObject } from '../../src/wire/assistants';
import { deletedObject, errorResponse, listOf } from '../../src/wire/common';
import { containerFileObject, containerObject } from '../../src/wire/containers';
import { conversationObject } from '../../src/wire/conversations';
import { responseItem } from '../../src/wire/responseItems';
import { inputTokensObject, responseObject } from '../../src/wire/responses';
import { scheduleObject } from '../../src/wire/schedules';
import { syncObject } from '../../src/wire/syncs';
import { fileCitation, filePath, messageObject, runObject, runStepObject, threadObject } from '../../src/wire/threads';
import { uploadObject, uploadPartObject } from '../../src/wire/uploads';
import {
  fileBatchObject,
  fileContentPage,
  fileObject,
  searchResultsPage,
  vectorStoreFileObject,
  vectorStoreObject,
} from '../../src/wire/vectorStores';

const THREAD = '/threads/{}';
const RUN = `${THREAD}/runs/{}`;
const STORE = '/vector_stores/{}';
const CONVERSATION = '/conversations/{}';

/** Its tools hold no secrets, other than those of a request. */
const shownResponse = responseObject.extend({ tools: z.array(z.looseObject({ type: z.string() })) });

/** The operations that answer JSON; those that do not are marked `raw`. */
const operations: [method: string, path: string, schema: z.ZodType | 'raw'][] = [
  ['GET', '/assistants', listOf(assistantObject)],
  ['POST', '/assistants', assistantObject],
  ['GET', '/assistants/{}', assistantObject],
  ['POST', '/assistants/{}', assistantObject],
  ['DELETE', '/assistants/{}', deletedObject('assistant.deleted')],
  ['POST', '/threads/runs', runObject],
  ['POST', '/threads', threadObject],
  ['GET', '/threads', listOf(threadObject)],
  ['GET', THREAD, threadObject],
  ['POST', THREAD, threadObject],
  ['DELETE', THREAD, deletedObject('thread.deleted')],
  ['GET', `${THREAD}/messages`, listOf(messageObject)],
  ['POST', `${THREAD}/messages`, messageObject],
  ['GET', `${THREAD}/messages/{}`, messageObject],
  ['POST', `${THREAD}/messages/{}`, messageObject],
  ['DELETE', `${THREAD}/messages/{}`, deletedObject('thread.message.deleted')],
  ['GET', `${THREAD}/runs`, listOf(runObject)],
  ['POST', `${THREAD}/runs`, runObject],
  ['GET', RUN, runObject],
  ['POST', RUN, runObject],
  ['POST', `${RUN}/submit_tool_outputs`, runObject],
  ['POST', `${RUN}/cancel`, runObject],
  ['GET', `${RUN}/steps`, listOf(runStepObject)],
  ['GET', `${RUN}/steps/{}`, runStepObject],
  ['POST', '/conversations', conversationObject],
  ['GET', CONVERSATION, conversationObject],
  ['POST', CONVERSATION, conversationObject],
  ['DELETE', CONVERSATION, deletedObject('conversation.deleted')],
  ['GET', `${CONVERSATION}/items`, listOf(responseItem)],
  ['POST', `${CONVERSATION}/items`, listOf(responseItem)],
  ['GET', `${CONVERSATION}/items/{}`, responseItem],
  ['DELETE', `${CONVERSATION}/items/{}`, conversationObject],
  ['GET', '/syncs', listOf(syncObject)],
  ['POST', '/syncs', syncObject],
  ['GET', '/syncs/{}', syncObject],
  ['DELETE', '/syncs/{}', deletedObject('sync.deleted')],
  ['POST', '/syncs/{}/run', syncObject],
  ['GET', '/schedules', listOf(scheduleObject)],
  ['POST', '/schedules', scheduleObject],
  ['GET', '/schedules/{}', scheduleObject],
  ['DELETE', '/schedules/{}', deletedObject('schedule.deleted')],
  ['POST', '/schedules/{}/run', runObject],
  ['GET', '/files', listOf(fileObject)],
  ['POST', '/files', fileObject],
  ['GET', '/files/{}', fileObject],
  ['GET', '/files/{}/content', 'raw'],
  ['DELETE', '/files/{}', deletedObject('file')],
  ['POST', '/uploads', uploadObject],
  ['POST', '/uploads/{}/parts', uploadPartObject],
  ['POST', '/uploads/{}/complete', uploadObject],
  ['POST', '/uploads/{}/cancel', uploadObject],
  ['GET', '/vector_stores', listOf(vectorStoreObject)],
  ['POST', '/vector_stores', vectorStoreObject],
  ['GET', STORE, vectorStoreObject],
  ['POST', STORE, vectorStoreObject],
  ['DELETE', STORE, deletedObject('vector_store.deleted')],
  ['GET', `${STORE}/files`, listOf(vectorStoreFileObject)],
  ['POST', `${STORE}/files`, vectorStoreFileObject],
  ['GET', `${STORE}/files/{}`, vectorStoreFileObject],
  ['POST', `${STORE}/files/{}`, vectorStoreFileObject],
  ['DELETE', `${STORE}/files/{}`, deletedObject('vector_store.file.deleted')],
  ['GET', `${STORE}/files/{}/content`, fileContentPage],
  ['POST', `${STORE}/search`, searchResultsPage],
  ['POST', `${STORE}/file_batches`, fileBatchObject],
  ['GET', `${STORE}/file_batches/{}`, fileBatchObject],
  ['POST', `${STORE}/file_batches/{}/cancel`, fileBatchObject],
  ['GET', `${STORE}/file_batches/{}/files`, listOf(vectorStoreFileObject)],
  ['POST', '/responses', shownResponse],
  ['POST', '/responses/input_tokens', inputTokensObject],
  ['GET', '/responses/{}', shownResponse],
  ['POST', '/responses/{}/cancel', shownResponse],
  ['DELETE', '/responses/{}', 'raw'],
  ['GET', '/responses/{}/input_items', listOf(responseItem)],
  ['POST', '/containers', containerObject],
  ['GET', '/containers', listOf(containerObject)],
  ['GET', '/containers/{}', containerObject],
  ['DELETE', '/containers/{}', deletedObject('container.deleted')],
  ['POST', '/containers/{}/files', containerFileObject],
  ['GET', '/containers/{}/files', listOf(containerFileObject)],
  ['GET', '/containers/{}/files/{}', containerFileObject],
  ['DELETE', '/containers/{}/files/{}', deletedObject('container.file.deleted')],
  ['GET', '/containers/{}/files/{}/content', 'raw'],
];

const BASE = /^(?:\/api\/projects\/[^/]+(?:\/openai(?:\/v1)?)?|\/openai\/v1|\/openai|\/v1)(?=\/)/;
const patternOf = (path: string) => new RegExp(`^${path.replaceAll('{}', '[^/]+')}$`);

/** The path below its base path. */
export const belowBase = (pathname: string): string => pathname.replace(BASE, '');

/** The schema of the operation's success; undefined if there is no such operation. */
export function answerSchema(method: string, pathname: string): z.ZodType | 'raw' | undefined {
  const path = belowBase(pathname);
  return operations.find(([known, template]) => known === method && patternOf(template).test(path))?.[2];
}

const annotationDelta = z.discriminatedUnion('type', [
  fileCitation.extend({
    index: z.int(),
    file_citation: z.object({ file_id: z.string(), quote: z.string().optional() }),
  }),
  filePath.extend({ index: z.int() }),
]);

/** `messageDeltaObject` (components.md section 8). */
export const messageDeltaObject = z.object({
  id: z.string(),
  object: z.literal('thread.message.delta'),
  delta: z.object({
    role: z.enum(['user', 'assistant']).optional(),
    content: z.array(
      z.discriminatedUnion('type', [
        z.object({
          index: z.int(),
          type: z.literal('text'),
          text: z.object({ value: z.string(), annotations: z.array(annotationDelta) }),
        }),
        z.object({
          index: z.int(),
          type: z.literal('image_file'),
          image_file: z.object({ file_id: z.string() }),
        }),
        // OpenAI's alone.
        z.object({ index: z.int(), type: z.literal('refusal'), refusal: z.string() }),
      ]),
    ),
  }),
});

const callDelta = z.discriminatedUnion('type', [
  z.object({
    index: z.int(),
    type: z.literal('function'),
    id: z.string().optional(),
    function: z.object({
      name: z.string().optional(),
      arguments: z.string().optional(),
      output: z.string().nullish(),
    }),
  }),
  z.object({
    index: z.int(),
    type: z.literal('file_search'),
    id: z.string().optional(),
    file_search: z.strictObject({}),
  }),
  z.object({
    index: z.int(),
    type: z.literal('code_interpreter'),
    id: z.string().optional(),
    code_interpreter: z.object({
      input: z.string().optional(),
      outputs: z
        .array(
          z.discriminatedUnion('type', [
            z.object({ index: z.int(), type: z.literal('logs'), logs: z.string() }),
            z.object({ index: z.int(), type: z.literal('image'), image: z.object({ file_id: z.string() }) }),
          ]),
        )
        .optional(),
    }),
  }),
]);

/** `runStepDeltaObject` (components.md section 8). */
export const runStepDeltaObject = z.object({
  id: z.string(),
  object: z.literal('thread.run.step.delta'),
  delta: z.object({
    step_details: z.object({ type: z.literal('tool_calls'), tool_calls: z.array(callDelta) }),
  }),
});

const suffixes = (prefix: string, ...names: string[]) => names.map((name) => `${prefix}.${name}`);
const RUN_EVENTS = [
  'queued',
  'in_progress',
  'requires_action',
  'completed',
  'failed',
  'cancelling',
  'cancelled',
  'expired',
];
const events: [names: string[], schema: z.ZodType][] = [
  [['thread.created'], threadObject],
  [suffixes('thread.run', 'created', 'incomplete', ...RUN_EVENTS), runObject],
  [suffixes('thread.run.step', 'created', 'in_progress', 'completed', 'failed', 'cancelled', 'expired'), runStepObject],
  [['thread.run.step.delta'], runStepDeltaObject],
  [suffixes('thread.message', 'created', 'in_progress', 'completed', 'incomplete'), messageObject],
  [['thread.message.delta'], messageDeltaObject],
  [['error'], errorResponse.extend(errorResponse.shape.error.shape)],
  [['done'], z.literal('[DONE]')],
];

/** The schema of an event's data; undefined for an event that the contract does not know. */
export const eventSchema = (event: string): z.ZodType | undefined =>
  events.find(([names]) => names.includes(event))?.[1];
