/** Vector stores, their files, search and file batches (operations 31 to 46). */
import { services } from '../app';
import type { Family } from '../http/family';
import { operation, pathParams, polled } from '../http/operation';
import { listObject } from '../http/paging';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import {
  createFileBatchRequest,
  createVectorStoreFileRequest,
  createVectorStoreRequest,
  fileBatchObject,
  fileContentPage,
  listVectorStoreFilesQuery,
  modifyVectorStoreRequest,
  searchRequest,
  searchResultsPage,
  updateAttributesRequest,
  vectorStoreFileObject,
  vectorStoreObject,
} from '../wire/vectorStores';
import { startFileBatch, stopFileBatch } from './ingestion';

const storeParams = pathParams('vector_store_id');
const fileParams = pathParams('vector_store_id', 'file_id');
const batchParams = pathParams('vector_store_id', 'batch_id');

const listVectorStores = operation({
  number: 31,
  method: 'get',
  path: '/vector_stores',
  summary: 'List vector stores',
  query: pageQuery,
  response: listOf(vectorStoreObject),
  handle: async ({ scope, query }) => listObject(await (await services()).retrieval.vectorStores.list(scope, query)),
});

const createVectorStore = operation({
  number: 32,
  method: 'post',
  path: '/vector_stores',
  summary: 'Create a vector store',
  body: createVectorStoreRequest,
  response: vectorStoreObject,
  handle: async ({ scope, body, invocation }) => {
    const { store, job } = await (await services()).retrieval.vectorStores.create(scope, body);
    if (job) await startFileBatch(invocation, job);
    return store;
  },
});

const getVectorStore = operation({
  number: 33,
  method: 'get',
  path: '/vector_stores/{vector_store_id}',
  summary: 'Get a vector store',
  params: storeParams,
  response: vectorStoreObject,
  handle: async ({ scope, params }) => (await services()).retrieval.vectorStores.get(scope, params.vector_store_id),
});

const modifyVectorStore = operation({
  number: 34,
  method: 'post',
  path: '/vector_stores/{vector_store_id}',
  summary: 'Modify a vector store',
  params: storeParams,
  body: modifyVectorStoreRequest,
  response: vectorStoreObject,
  handle: async ({ scope, params, body }) =>
    (await services()).retrieval.vectorStores.modify(scope, params.vector_store_id, body),
});

const deleteVectorStore = operation({
  number: 35,
  method: 'delete',
  path: '/vector_stores/{vector_store_id}',
  summary: 'Delete a vector store',
  params: storeParams,
  response: deletedObject('vector_store.deleted'),
  handle: async ({ scope, params }) => (await services()).retrieval.vectorStores.remove(scope, params.vector_store_id),
});

const listVectorStoreFiles = operation({
  number: 36,
  method: 'get',
  path: '/vector_stores/{vector_store_id}/files',
  summary: 'List the files of a vector store',
  params: storeParams,
  query: listVectorStoreFilesQuery,
  response: listOf(vectorStoreFileObject),
  handle: async ({ scope, params, query }) => {
    const { vectorStoreFiles } = (await services()).retrieval;
    return listObject(await vectorStoreFiles.list(scope, params.vector_store_id, query));
  },
});

const createVectorStoreFile = operation({
  number: 37,
  method: 'post',
  path: '/vector_stores/{vector_store_id}/files',
  summary: 'Add a file to a vector store',
  params: storeParams,
  body: createVectorStoreFileRequest,
  response: vectorStoreFileObject,
  handle: async ({ scope, params, body, invocation }) => {
    const { vectorStoreFiles } = (await services()).retrieval;
    const { file, job } = await vectorStoreFiles.create(scope, params.vector_store_id, body);
    await startFileBatch(invocation, job);
    return file;
  },
});

const getVectorStoreFile = operation({
  number: 38,
  method: 'get',
  path: '/vector_stores/{vector_store_id}/files/{file_id}',
  summary: 'Get a file of a vector store',
  params: fileParams,
  response: vectorStoreFileObject,
  handle: async ({ scope, params }) =>
    polled(await (await services()).retrieval.vectorStoreFiles.get(scope, params.vector_store_id, params.file_id)),
});

const deleteVectorStoreFile = operation({
  number: 39,
  method: 'delete',
  path: '/vector_stores/{vector_store_id}/files/{file_id}',
  summary: 'Take a file out of a vector store',
  params: fileParams,
  response: deletedObject('vector_store.file.deleted'),
  handle: async ({ scope, params }) =>
    (await services()).retrieval.vectorStoreFiles.remove(scope, params.vector_store_id, params.file_id),
});

const updateAttributes = operation({
  number: 40,
  apiVersionOptional: true,
  method: 'post',
  path: '/vector_stores/{vector_store_id}/files/{file_id}',
  summary: 'Update the attributes of a file of a vector store',
  params: fileParams,
  body: updateAttributesRequest,
  response: vectorStoreFileObject,
  handle: async ({ scope, params, body }) => {
    const { vectorStoreFiles } = (await services()).retrieval;
    return vectorStoreFiles.setAttributes(scope, params.vector_store_id, params.file_id, body.attributes);
  },
});

const getContent = operation({
  number: 41,
  apiVersionOptional: true,
  method: 'get',
  path: '/vector_stores/{vector_store_id}/files/{file_id}/content',
  summary: 'Get the parsed content of a file of a vector store',
  params: fileParams,
  response: fileContentPage,
  handle: async ({ scope, params }) => {
    const { vectorStoreFiles } = (await services()).retrieval;
    const data = await vectorStoreFiles.content(scope, params.vector_store_id, params.file_id);
    return { object: 'vector_store.file_content.page', data, has_more: false, next_page: null };
  },
});

const searchVectorStore = operation({
  number: 42,
  apiVersionOptional: true,
  method: 'post',
  path: '/vector_stores/{vector_store_id}/search',
  changes: false,
  role: 'user',
  summary: 'Search a vector store',
  params: storeParams,
  body: searchRequest,
  response: searchResultsPage,
  handle: async ({ scope, params, body, connection }) =>
    (await services()).retrieval.search.page(scope, params.vector_store_id, body, connection.signal),
});

const createFileBatch = operation({
  number: 43,
  method: 'post',
  path: '/vector_stores/{vector_store_id}/file_batches',
  summary: 'Add files to a vector store as a batch',
  params: storeParams,
  body: createFileBatchRequest,
  response: fileBatchObject,
  handle: async ({ scope, params, body, invocation }) => {
    const { batch, job } = await (await services()).retrieval.fileBatches.create(scope, params.vector_store_id, body);
    await startFileBatch(invocation, job);
    return batch;
  },
});

const getFileBatch = operation({
  number: 44,
  method: 'get',
  path: '/vector_stores/{vector_store_id}/file_batches/{batch_id}',
  summary: 'Get a file batch',
  params: batchParams,
  response: fileBatchObject,
  handle: async ({ scope, params }) =>
    polled(await (await services()).retrieval.fileBatches.get(scope, params.vector_store_id, params.batch_id)),
});

const cancelFileBatch = operation({
  number: 45,
  method: 'post',
  path: '/vector_stores/{vector_store_id}/file_batches/{batch_id}/cancel',
  summary: 'Cancel a file batch',
  params: batchParams,
  response: fileBatchObject,
  handle: async ({ scope, params, invocation }) => {
    const { fileBatches } = (await services()).retrieval;
    const batch = await fileBatches.cancel(scope, params.vector_store_id, params.batch_id);
    if (batch.status === 'cancelling') await stopFileBatch(invocation, batch.id);
    return batch;
  },
});

const listFileBatchFiles = operation({
  number: 46,
  method: 'get',
  path: '/vector_stores/{vector_store_id}/file_batches/{batch_id}/files',
  summary: 'List the files of a batch',
  params: batchParams,
  query: listVectorStoreFilesQuery,
  response: listOf(vectorStoreFileObject),
  handle: async ({ scope, params, query }) => {
    const { fileBatches } = (await services()).retrieval;
    return listObject(await fileBatches.listFiles(scope, params.vector_store_id, params.batch_id, query));
  },
});

export const vectorStoresFamily: Family = {
  name: 'vector_stores',
  operations: [
    listVectorStores,
    createVectorStore,
    getVectorStore,
    modifyVectorStore,
    deleteVectorStore,
    listVectorStoreFiles,
    createVectorStoreFile,
    getVectorStoreFile,
    deleteVectorStoreFile,
    updateAttributes,
    getContent,
    searchVectorStore,
    createFileBatch,
    getFileBatch,
    cancelFileBatch,
    listFileBatchFiles,
  ],
};
