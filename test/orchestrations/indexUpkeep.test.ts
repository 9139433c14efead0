import { indexUpkeep } from '../../src/orchestrations/indexUpkeep';

function begun() {
  const continueAsNew = jest.fn();
  const callActivity = (name: string) => ({ name });
  const run = indexUpkeep({ df: { callActivity, continueAsNew } } as never);
  expect(run.next().value).toEqual({ name: 'putNextIndexInOrder' });
  return { run, continueAsNew };
}

it('puts one index after the other in order until none waits', () => {
  const { run, continueAsNew } = begun();
  expect(run.next(true).value).toEqual({ name: 'putNextIndexInOrder' });
  expect(run.next(false)).toEqual({ done: true, value: undefined });
  expect(continueAsNew).not.toHaveBeenCalled();
});

it('begins its history anew after fifty indexes', () => {
  const { run, continueAsNew } = begun();
  for (let place = 1; place < 50; place += 1) expect(run.next(true).done).toBe(false);
  expect(run.next(true).done).toBe(true);
  expect(continueAsNew).toHaveBeenCalledTimes(1);
});
