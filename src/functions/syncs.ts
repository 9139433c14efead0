/** Syncs of containers into vector stores, an extension beside the contract. */
import { services } from '../app';
import type { Family } from '../http/family';
import { operation, pathParams, polled } from '../http/operation';
import { listObject } from '../http/paging';
import { deletedObject, listOf, pageQuery } from '../wire/common';
import { createSyncRequest, syncObject } from '../wire/syncs';
import { startSync, wakeSync } from './syncActivities';

const params = pathParams('sync_id');
const syncs = async () => (await services()).retrieval.syncs;

export const syncsFamily: Family = {
  name: 'syncs',
  operations: [
    operation({
      method: 'get',
      path: '/syncs',
      summary: 'List syncs',
      query: pageQuery,
      response: listOf(syncObject),
      handle: async ({ scope, query }) => listObject(await (await syncs()).list(scope, query)),
    }),
    operation({
      method: 'post',
      path: '/syncs',
      summary: 'Create a sync, which mirrors a container into a vector store',
      body: createSyncRequest,
      response: syncObject,
      handle: async ({ scope, body, invocation }) => {
        const sync = await (await syncs()).create(scope, body);
        await startSync(invocation, { scope, syncId: sync.id });
        return sync;
      },
    }),
    operation({
      method: 'get',
      path: '/syncs/{sync_id}',
      summary: 'Get a sync with the report of the last time',
      params,
      response: syncObject,
      handle: async ({ scope, params }) => polled(await (await syncs()).get(scope, params.sync_id)),
    }),
    operation({
      method: 'delete',
      path: '/syncs/{sync_id}',
      summary: 'Delete a sync',
      params,
      response: deletedObject('sync.deleted'),
      handle: async ({ scope, params, invocation }) => {
        const deleted = await (await syncs()).remove(scope, params.sync_id);
        await wakeSync(invocation, { scope, syncId: params.sync_id });
        return deleted;
      },
    }),
    operation({
      method: 'post',
      path: '/syncs/{sync_id}/run',
      summary: 'Run a sync now',
      params,
      response: syncObject,
      handle: async ({ scope, params, invocation }) => {
        const sync = await (await syncs()).runNow(scope, params.sync_id);
        await wakeSync(invocation, { scope, syncId: sync.id });
        return sync;
      },
    }),
  ],
};
