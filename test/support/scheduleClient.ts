/** The operations of schedules, for which the SDK has no methods. */
import type OpenAI from 'openai';
import type { ListObject } from '../../src/wire/common';
import type { ScheduleObject } from '../../src/wire/schedules';

export const schedulesOf = (client: OpenAI) => ({
  create: async (body: object): Promise<ScheduleObject> => client.post('/schedules', { body }),
  list: async (query: Record<string, unknown> = {}): Promise<ListObject<ScheduleObject>> =>
    client.get('/schedules', { query }),
  retrieve: async (id: string): Promise<ScheduleObject> => client.get(`/schedules/${id}`),
  delete: async (id: string): Promise<{ id: string; object: string; deleted: boolean }> =>
    client.delete(`/schedules/${id}`),
  run: async (id: string): Promise<OpenAI.Beta.Threads.Run> => client.post(`/schedules/${id}/run`),
});
