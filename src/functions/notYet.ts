/** Operations of the contract that this version lacks: they answer that it lacks them. */
import { errors } from '../errors';
import { operation, pathParams, type Method, type Operation } from '../http/operation';
import { z } from 'zod';

const missing: [number: number, method: Method, path: string, summary: string][] = [
  [1, 'post', '/deployments/{deployment_id}/completions', 'Create a completion'],
  [2, 'post', '/deployments/{deployment_id}/embeddings', 'Create embeddings'],
  [3, 'post', '/deployments/{deployment_id}/chat/completions', 'Create a chat completion'],
  [4, 'post', '/deployments/{deployment_id}/audio/transcriptions', 'Create a transcription'],
  [5, 'post', '/deployments/{deployment_id}/audio/translations', 'Create a translation'],
  [6, 'post', '/deployments/{deployment_id}/audio/speech', 'Create speech'],
  [7, 'post', '/deployments/{deployment_id}/images/generations', 'Generate images'],
  [8, 'post', '/deployments/{deployment_id}/images/edits', 'Edit images'],
  [1, 'post', '/completions', 'Create a completion'],
  [2, 'post', '/embeddings', 'Create embeddings'],
  [3, 'post', '/chat/completions', 'Create a chat completion'],
  [4, 'post', '/audio/transcriptions', 'Create a transcription'],
  [5, 'post', '/audio/translations', 'Create a translation'],
  [6, 'post', '/audio/speech', 'Create speech'],
  [7, 'post', '/images/generations', 'Generate images'],
  [8, 'post', '/images/edits', 'Edit images'],
  [47, 'post', '/realtimeapi/sessions', 'Create a realtime session'],
  [48, 'post', '/realtimeapi/transcription_sessions', 'Create a realtime transcription session'],
  [49, 'post', '/responses', 'Create a response'],
  [50, 'get', '/responses/{response_id}', 'Get a response'],
  [51, 'delete', '/responses/{response_id}', 'Delete a response'],
  [52, 'get', '/responses/{response_id}/input_items', 'List input items'],
];

export const missingOperations: Operation[] = missing.map(([number, method, path, summary]) =>
  operation({
    number,
    method,
    path,
    summary,
    apiVersionOptional: number >= 47,
    params: pathParams(...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)),
    body: 'raw',
    response: z.never(),
    handle: () => Promise.reject(errors.notAvailableYet(summary)),
  }),
);
