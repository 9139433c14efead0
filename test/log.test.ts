import { addLogFields, faultLogger, inLogScope, logFault, logState, outsideLogScope } from '../src/log';

const sink = () => {
  const lines: unknown[][] = [];
  return {
    lines,
    error: (...values: unknown[]) => lines.push(values),
    warn: (...values: unknown[]) => lines.push(values),
  };
};

it('lines end with the ids of what is at work, those too that are learnt on the way', async () => {
  const log = sink();
  const fault = new Error('disk');
  await inLogScope(log, { request: 'r1', run: undefined }, async () => {
    logState('It began.');
    addLogFields({ run: 'run_1', thread: 'thread_1' });
    await Promise.resolve();
    logFault('It failed.', fault);
  });
  expect(log.lines).toEqual([['It began. request=r1'], ['It failed. request=r1 run=run_1 thread=thread_1', fault]]);
});

it('two requests at once do not mix their ids', async () => {
  const log = sink();
  await Promise.all(
    ['a', 'b'].map(async (request) =>
      inLogScope(log, { request }, async () => {
        await new Promise((resolve) => setImmediate(resolve));
        addLogFields({ run: `run_${request}` });
        await new Promise((resolve) => setImmediate(resolve));
        logState('Done.');
      }),
    ),
  );
  expect(log.lines.flat().sort()).toEqual(['Done. request=a run=run_a', 'Done. request=b run=run_b']);
});

it('what logs for a stream keeps its scope, and what serves everybody has none', () => {
  const log = sink();
  const warn = jest.spyOn(console, 'warn').mockImplementation(() => undefined);
  const late = inLogScope(log, { request: 'r1' }, () => {
    outsideLogScope(() => logState('Shared.'));
    return faultLogger();
  });
  late('Broke.', 'reason');
  expect(log.lines).toEqual([['Broke. request=r1', 'reason']]);
  expect(warn.mock.calls).toEqual([['Shared.']]);
  warn.mockRestore();
});
