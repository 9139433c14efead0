/** Which fine-tuning jobs and models of the service are whose: the service knows its account alone, and tenants must not meet each other's. */
import type { Scope } from '../scope';
import { orderKey, partitionOf } from '../storage/keys';
import { pageOf } from '../storage/pages';
import type { PageRequest, Records } from '../storage/ports';

const JOBS = 'jobs';
const MODELS = 'models';

export type FineTuningJobs = ReturnType<typeof createFineTuningJobs>;

/** The jobs that callers of a scope created, and the models that came of them, by the service's ids. */
export function createFineTuningJobs({ records, now }: { records: Records; now: () => number }) {
  const partitionFor = (scope: Scope): string => partitionOf(scope, 'fine_tuning');

  async function note(scope: Scope, list: string, id: string): Promise<void> {
    const partition = partitionFor(scope);
    if (await records.get({ partition, list, id })) return;
    await records.write(partition, [{ op: 'create', list, id, order: orderKey(now()), value: { id } }]);
  }

  const has = async (scope: Scope, list: string, id: string): Promise<boolean> =>
    (await records.get({ partition: partitionFor(scope), list, id })) !== undefined;

  return {
    add: async (scope: Scope, id: string) => note(scope, JOBS, id),
    has: async (scope: Scope, id: string) => has(scope, JOBS, id),
    list: async (scope: Scope, page: PageRequest) => pageOf<{ id: string }>(records, partitionFor(scope), JOBS, page),
    addModel: async (scope: Scope, model: string) => note(scope, MODELS, model),
    hasModel: async (scope: Scope, model: string) => has(scope, MODELS, model),
    async removeModel(scope: Scope, model: string): Promise<void> {
      await records.write(partitionFor(scope), [{ op: 'delete', list: MODELS, id: model }]);
    },
  };
}
