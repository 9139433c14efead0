/** The operations of syncs that tests of upgrades need, for which the SDK has no methods. */
import type OpenAI from 'openai';
import type { SyncObject } from '../../src/wire/syncs';

export const syncsOf = (client: OpenAI) => ({
  create: async (body: object): Promise<SyncObject> => client.post('/syncs', { body }),
  retrieve: async (id: string): Promise<SyncObject> => client.get(`/syncs/${id}`),
  run: async (id: string): Promise<SyncObject> => client.post(`/syncs/${id}/run`),
});
