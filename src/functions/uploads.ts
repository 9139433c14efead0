/** `/uploads`: large files that come in parts (openai-2026-08; Azure OpenAI has the same). */
import { services } from '../app';
import type { Family } from '../http/family';
import { readUpload } from '../http/multipart';
import { operation, pathParams, type Call } from '../http/operation';
import { validate } from '../http/validation';
import type { ShownUpload } from '../retrieval/uploads';
import {
  addUploadPartFields,
  completeUploadRequest,
  createUploadRequest,
  uploadObject,
  uploadPartObject,
} from '../wire/uploads';
import { shownFile } from './files';

const uploadParams = pathParams('upload_id');

/** The upload with its file in the form of the api-version. */
const shown = (call: Pick<Call, 'apiVersion'>, { file, ...upload }: ShownUpload) => ({
  ...upload,
  file: file && shownFile(call, file),
});

const createUpload = operation({
  method: 'post',
  path: '/uploads',
  summary: 'Create an upload, to which the parts of a large file are added',
  body: createUploadRequest,
  response: uploadObject,
  handle: async (call) => shown(call, await (await services()).retrieval.uploads.create(call.scope, call.body)),
});

const addUploadPart = operation({
  method: 'post',
  path: '/uploads/{upload_id}/parts',
  summary: 'Add a part to an upload',
  params: uploadParams,
  body: 'raw',
  response: uploadPartObject,
  handle: async ({ scope, params, request, toleratesUnknownFields }) =>
    (await services()).retrieval.uploads.addPart(scope, params.upload_id, async (take) => {
      const { fields, file } = await readUpload(request, take, 'data');
      validate(addUploadPartFields, Object.fromEntries(fields), toleratesUnknownFields);
      return file;
    }),
});

const completeUpload = operation({
  method: 'post',
  path: '/uploads/{upload_id}/complete',
  summary: 'Complete an upload: its parts become a file',
  params: uploadParams,
  body: completeUploadRequest,
  response: uploadObject,
  handle: async (call) => {
    const { uploads } = (await services()).retrieval;
    return shown(call, await uploads.complete(call.scope, call.params.upload_id, call.body));
  },
});

const cancelUpload = operation({
  method: 'post',
  path: '/uploads/{upload_id}/cancel',
  summary: 'Cancel an upload',
  params: uploadParams,
  response: uploadObject,
  handle: async (call) =>
    shown(call, await (await services()).retrieval.uploads.cancel(call.scope, call.params.upload_id)),
});

export const uploadsFamily: Family = {
  name: 'uploads',
  operations: [createUpload, addUploadPart, completeUpload, cancelUpload],
};
