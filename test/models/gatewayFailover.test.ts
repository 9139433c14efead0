import type { ModelBackend } from '../../src/modelBackends';
import type { GatewayRequest } from '../../src/models/gateway';
import {
  apiError,
  azureBackend,
  chatCall,
  gatewayOver,
  KEY,
  openAiBackend,
  textOf,
  type GatewayOptions,
} from '../support/gateway';
import { manualClock, type ManualClock } from '../support/manualClock';
import { errorBody } from '../support/modelFailure';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const hello = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] };

let first: ScriptedUpstream;
let second: ScriptedUpstream;
let clock: ManualClock;
beforeEach(async () => {
  [first, second] = await Promise.all([startScriptedUpstream(), startScriptedUpstream({ style: 'azure' })]);
  clock = manualClock();
});
afterEach(async () => {
  await Promise.all([first.close(), second.close()]);
});

const over = (backends: ModelBackend[], options: GatewayOptions = {}) => gatewayOver(backends, { clock, ...options });
const ordered = () => [openAiBackend(first, { name: 'one' }), azureBackend(second, { name: 'two', priority: 1 })];
const calls = () => [first.calls.chat, second.calls.chat];

describe('failover', () => {
  it.each([
    ['408', reply.status(408)],
    ['409', reply.status(409)],
    ['429', reply.status(429, { headers: { 'retry-after': '20' } })],
    ['500', reply.status(500)],
    ['503', reply.status(503)],
    ['refused credentials', reply.status(401)],
    ['an unknown deployment', reply.status(404)],
    ['a broken connection', reply.disconnect()],
  ])('after %s the next backend is called at once', async (_name, fault) => {
    first.enqueue(fault);
    const answer = await over(ordered()).forward(chatCall(hello));
    expect(await textOf(answer)).toContain('You said: Hello');
    expect(answer).toMatchObject({ status: 200, backend: 'two', attempts: 2 });
    expect(calls()).toEqual([1, 1]);
    expect(clock.sleeps).toEqual([]);
  });

  it('does not follow an answer that blames the request', async () => {
    first.enqueue(reply.status(400));
    expect((await over(ordered()).forward(chatCall(hello))).status).toBe(400);
    expect(calls()).toEqual([1, 0]);
  });

  it('does not go to a backend that does not serve the model', async () => {
    first.on(() => reply.status(500));
    const [one, two] = ordered();
    const gateway = over([one as ModelBackend, { ...(two as ModelBackend), deployments: new Map([['other', 'x']]) }]);
    expect((await gateway.forward(chatCall(hello))).status).toBe(500);
    expect(calls()).toEqual([4, 0]);
  });

  it('begins again with the first after a wait, until the tries are used up, and gives the last answer', async () => {
    first.on(() => reply.status(503));
    second.on(() => reply.status(500, { body: errorBody('Second.') }));
    const answer = await over(ordered()).forward(chatCall(hello));
    expect([answer.status, answer.attempts, await textOf(answer)]).toEqual([
      500,
      8,
      expect.stringContaining('Second.'),
    ]);
    expect(calls()).toEqual([4, 4]);
    expect(clock.sleeps).toEqual([250, 500, 1000]);
  });

  it('waits for the backend that comes back first, and calls only that', async () => {
    first.enqueue(reply.status(429, { headers: { 'retry-after': '9' } }));
    second.enqueue(reply.status(429, { headers: { 'retry-after': '4' } }));
    const answer = await over(ordered()).forward(chatCall(hello));
    expect(answer).toMatchObject({ status: 200, backend: 'two', attempts: 3 });
    expect(clock.sleeps).toEqual([4000]);
    expect(calls()).toEqual([1, 2]);
  });

  it('leaves a backend that asked for patience alone in later calls too, until its time has come', async () => {
    first.enqueue(reply.status(429, { headers: { 'retry-after': '30' } }));
    const gateway = over(ordered());
    const from = async () => (await gateway.forward(chatCall(hello))).backend;
    expect([await from(), await from()]).toEqual(['two', 'two']);
    clock.time += 30_000;
    expect(await from()).toBe('one');
    expect(calls()).toEqual([2, 2]);
  });

  it('waits for no backend that asked for more patience than a call has, in later calls neither', async () => {
    first.enqueue(reply.status(429, { headers: { 'retry-after': '3600' } }));
    const gateway = over([openAiBackend(first)]);
    expect((await gateway.forward(chatCall(hello))).status).toBe(429);
    clock.time += 1_000;
    expect(await apiError(gateway.forward(chatCall(hello)))).toMatchObject({
      status: 429,
      details: { headers: { 'retry-after': '3599' } },
    });
    expect(clock.sleeps).toEqual([]);
    expect(calls()).toEqual([1, 0]);
  });

  it('calls a backend that asked for a day of patience again after a minute', async () => {
    first.enqueue(reply.status(429, { headers: { 'retry-after': '86400' } }));
    const gateway = over(ordered());
    const from = async () => (await gateway.forward(chatCall(hello))).backend;
    expect(await from()).toBe('two');
    clock.time += 61_000;
    expect(await from()).toBe('one');
  });

  it('a backend that does not have the model does not hide that another has no time for it', async () => {
    first.on(() => reply.status(429, { headers: { 'retry-after': '120' } }));
    second.on(() => reply.status(404));
    const gateway = over(ordered());
    const answer = await gateway.forward(chatCall(hello));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([429, '120']);
    await textOf(answer);
    // Now it rests, and only the other is called.
    const { status, details } = await apiError(gateway.forward(chatCall(hello)));
    expect([status, Number(details.headers?.['retry-after'])]).toEqual([429, 120]);
    expect(calls()).toEqual([1, 2]);
  });

  it('a backend that does not have the model does not hide that another has failed, and is left alone', async () => {
    first.on(() => reply.status(500));
    second.on(() => reply.status(404));
    const gateway = over(ordered());
    for (let call = 1; call <= 2; call++) {
      const answer = await gateway.forward(chatCall(hello));
      expect(answer.status).toBe(500);
      await textOf(answer);
    }
    expect(first.calls.chat).toBe(5);
    const { status, details } = await apiError(gateway.forward(chatCall(hello)));
    expect([status, details.headers?.['retry-after']]).toEqual([503, '15']);
    expect(first.calls.chat).toBe(5);
  });

  it('an answer that no backend has the model is 404, however many there are', async () => {
    for (const upstream of [first, second]) upstream.on(() => reply.status(404));
    expect((await over(ordered()).forward(chatCall(hello))).status).toBe(404);
    expect(calls()).toEqual([1, 1]);
  });

  it('goes by weight within a priority', async () => {
    const spread = [0.1, 0.74, 0.76, 0.99];
    const backends = [
      openAiBackend(first, { name: 'one', weight: 3 }),
      azureBackend(second, { name: 'two' }),
      azureBackend(second, { name: 'later', priority: 1 }),
    ];
    const gateway = over(backends, { clock: { ...clock, random: () => spread.shift() ?? 0 } });
    const names: string[] = [];
    for (let call = 0; call < 4; call++) names.push((await gateway.forward(chatCall(hello))).backend);
    expect(names).toEqual(['one', 'one', 'two', 'two']);
  });

  it('passes by a backend that has its number of calls under way, and waits where there is no other', async () => {
    first.on(() => reply.stallAfter(1));
    const limited = openAiBackend(first, { name: 'one', concurrentRequests: 1 });
    const gateway = over([limited, azureBackend(second, { name: 'two', priority: 1 })]);
    const streaming = await gateway.forward(chatCall({ ...hello, stream: true }));
    const other = await gateway.forward(chatCall(hello));
    expect([streaming.backend, other.backend]).toEqual(['one', 'two']);
    const alone = over([limited]);
    const held = await alone.forward(chatCall({ ...hello, stream: true }));
    expect(await apiError(alone.forward(chatCall(hello)))).toMatchObject({
      status: 429,
      details: { headers: { 'retry-after': '1' } },
    });
    expect(clock.sleeps).toEqual([250, 500, 1000]);
    for (const { body } of [streaming, held]) {
      await new Promise((resolve) =>
        body
          .on('error', () => undefined)
          .once('close', resolve)
          .destroy(),
      );
    }
    first.on(() => reply.default());
    expect((await gateway.forward(chatCall(hello))).backend).toBe('one');
  });
});

describe('what cannot be answered', () => {
  it.each([
    ['a broken connection', reply.disconnect(), 502, 'upstream_error'],
    ['silence', reply.hang(), 504, 'upstream_timeout'],
    ['refused credentials', reply.status(401, { body: errorBody(`Wrong ${KEY}`) }), 502, 'upstream_error'],
    ['a redirection', reply.status(307, { headers: { location: 'http://elsewhere' } }), 502, 'upstream_error'],
  ])('because of %s is an error of ours', async (_name, fault, status, code) => {
    first.on(() => fault);
    const error = await apiError(
      over([openAiBackend(first, { headersTimeoutMs: 30 })], { retry: { tries: 1 } }).forward(chatCall(hello)),
    );
    expect(error).toMatchObject({ status, details: { code } });
    expect(error.message).not.toContain(KEY);
    expect(calls()).toEqual([1, 0]);
  });
});

describe('the circuit', () => {
  const fail = async (gateway: ReturnType<typeof over>, times: number) => {
    for (let call = 0; call < times; call++) await gateway.forward(chatCall(hello));
  };

  it('opens after five failures in a row, answers 503 without a call, and lets one probe through after 15 s; the log tells the first and the last of it', async () => {
    first.on(() => reply.status(500));
    const states: string[] = [];
    const logState = (message: string) => void states.push(message);
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 }, logState });
    await fail(gateway, 5);
    expect(await apiError(gateway.forward(chatCall(hello)))).toMatchObject({
      status: 503,
      details: { headers: { 'retry-after': '15' } },
    });
    expect(calls()).toEqual([5, 0]);
    clock.time += 15_000;
    await fail(gateway, 1);
    expect((await apiError(gateway.forward(chatCall(hello)))).status).toBe(503);
    expect(calls()).toEqual([6, 0]);
    clock.time += 15_000;
    expect(states).toEqual([expect.stringMatching(/"openai\/gpt-4o" has failed several times/)]);
    first.on(() => reply.default());
    await textOf(await gateway.forward(chatCall(hello)));
    await textOf(await gateway.forward(chatCall(hello)));
    expect(states.slice(1)).toEqual(['The model service "openai/gpt-4o" is well again.']);
  });

  it('ends the retries of the call that opens it', async () => {
    first.on(() => reply.disconnect());
    const gateway = over([openAiBackend(first)]);
    await apiError(gateway.forward(chatCall(hello)));
    await apiError(gateway.forward(chatCall(hello)));
    expect(calls()).toEqual([5, 0]);
  });

  it('lets only one probe through at a time', async () => {
    first.on(() => reply.status(500));
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
    await fail(gateway, 5);
    clock.time += 15_000;
    first.on(() => reply.slow(30));
    const [probe, other] = await Promise.allSettled([
      gateway.forward(chatCall(hello)),
      gateway.forward(chatCall(hello)),
    ]);
    expect([probe.status, other.status]).toEqual(['fulfilled', 'rejected']);
    expect(calls()).toEqual([6, 0]);
  });

  it('does not wait for a probe that takes long: another one may close it', async () => {
    first.on(() => reply.status(500));
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
    await fail(gateway, 5);
    clock.time += 15_000;
    first.on(() => reply.hang());
    const controller = new AbortController();
    const slow = gateway.forward(chatCall(hello, { signal: controller.signal }));
    await first.until(() => first.calls.chat === 6);
    expect(await apiError(gateway.forward(chatCall(hello)))).toMatchObject({
      status: 503,
      details: { headers: { 'retry-after': '5' } },
    });
    clock.time += 5_000;
    first.on(() => reply.default());
    expect((await gateway.forward(chatCall(hello))).status).toBe(200);
    expect((await gateway.forward(chatCall(hello))).status).toBe(200);
    controller.abort(new Error('left'));
    await expect(slow).rejects.toThrow('left');
  });

  it.each([
    ['reset by the service', reply.cutAfter(1)],
    ['silent for too long', reply.stallAfter(1)],
  ])('opens after five streams in a row that were %s', async (_name, broken) => {
    first.on(() => broken);
    const gateway = over([openAiBackend(first, { idleTimeoutMs: 50 })], { retry: { tries: 1 } });
    for (let call = 0; call < 5; call++) {
      const answer = await gateway.forward(chatCall({ ...hello, stream: true }));
      await expect(textOf(answer)).rejects.toThrow();
    }
    expect((await apiError(gateway.forward(chatCall(hello)))).status).toBe(503);
    expect(calls()).toEqual([5, 0]);
  });

  it('does not open for streams that their callers left', async () => {
    first.on(() => reply.stallAfter(1));
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
    for (let call = 0; call < 6; call++) {
      const answer = await gateway.forward(chatCall({ ...hello, stream: true }));
      answer.body.on('error', () => undefined).destroy();
      await first.until(() => first.abandoned === call + 1);
    }
    expect(calls()).toEqual([6, 0]);
  });

  it.each([400, 401, 403, 404, 413, 422, 429, 501])(
    'does not open for calls that the service refuses with %d',
    async (status) => {
      first.on(() => reply.status(status));
      const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
      for (let call = 0; call < 6; call++) await gateway.forward(chatCall(hello)).catch(() => undefined);
      expect(calls()).toEqual([6, 0]);
    },
  );

  it('does not open for a tenant that has used up its own limit', async () => {
    const gateway = over([openAiBackend(first)], {
      tenantLimits: new Map([['a', { tokensPerMinute: 1 }]]),
    });
    for (let call = 0; call < 6; call++)
      expect((await apiError(gateway.forward(chatCall(hello, { tenant: 'a', estimatedTokens: 2 })))).status).toBe(429);
    expect((await gateway.forward(chatCall(hello, { tenant: 'b' }))).status).toBe(200);
    expect(calls()).toEqual([1, 0]);
  });

  it('is one for each deployment', async () => {
    first.on((body) => (body.model === 'bad' ? reply.status(500) : undefined));
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
    for (let call = 0; call < 5; call++) await gateway.forward(chatCall(hello, { model: 'bad' }));
    expect((await apiError(gateway.forward(chatCall(hello, { model: 'bad' })))).status).toBe(503);
    expect((await gateway.forward(chatCall(hello))).status).toBe(200);
  });

  it.each([
    ['a success', reply.default(), 1],
    ['a refusal of the request', reply.status(400), 1],
    ['a limit of rate', reply.status(429), 1],
  ])('stays closed when %s comes between', async (_name, between, tries) => {
    const gateway = over([openAiBackend(first)], { retry: { tries } });
    const bad = () => reply.status(502);
    first.enqueue(...[1, 2, 3, 4].map(bad), between, ...[1, 2, 3, 4].map(bad));
    await fail(gateway, 9);
    expect((await gateway.forward(chatCall(hello))).status).toBe(200);
  });

  it('does not hold it against a service that its caller left, and lets the next probe through', async () => {
    first.on(() => reply.status(500));
    const gateway = over([openAiBackend(first)], { retry: { tries: 1 } });
    await fail(gateway, 5);
    clock.time += 15_000;
    first.on(() => reply.hang());
    const controller = new AbortController();
    const left = gateway.forward(chatCall(hello, { signal: controller.signal }));
    await first.until(() => first.calls.chat === 6);
    controller.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await first.until(() => first.abandoned === 1);
    first.on(() => reply.default());
    expect((await gateway.forward(chatCall(hello))).status).toBe(200);
  });
});

describe('a call that may have been billed', () => {
  const image = (more: Partial<GatewayRequest> = {}) => chatCall(hello, { repeatable: false, ...more });

  it.each([
    ['500', reply.status(500)],
    ['408', reply.status(408)],
    ['409', reply.status(409)],
  ])('is not repeated after %s, neither there nor elsewhere', async (status, fault) => {
    first.on(() => fault);
    expect((await over(ordered()).forward(image())).status).toBe(Number(status));
    expect(calls()).toEqual([1, 0]);
  });

  it('is not repeated after a broken connection or silence', async () => {
    first.on(() => reply.disconnect());
    expect((await apiError(over(ordered()).forward(image()))).status).toBe(502);
    expect(calls()).toEqual([1, 0]);
  });

  it.each([
    ['an unknown deployment', reply.status(404)],
    ['refused credentials', reply.status(401)],
    ['forbidden access', reply.status(403)],
  ])('goes to the next backend after %s, since nothing was made', async (_name, fault) => {
    first.on(() => fault);
    expect(await over(ordered()).forward(image())).toMatchObject({ status: 200, backend: 'two', attempts: 2 });
    expect(calls()).toEqual([1, 1]);
  });

  it('is repeated after 429', async () => {
    first.enqueue(reply.status(429), reply.status(429));
    expect(await over([openAiBackend(first)]).forward(image())).toMatchObject({ status: 200, attempts: 3 });
  });

  it.each([
    ['nobody listens', 'http://127.0.0.1:1/v1'],
    ['the name is unknown', 'http://no-such-host.invalid/v1'],
    ['TLS is not spoken', ''],
  ])('goes to the next backend where %s', async (_name, baseUrl) => {
    const unreachable = {
      ...openAiBackend(first, { name: 'one' }),
      baseUrl: baseUrl || first.url.replace('http:', 'https:'),
    };
    const gateway = over([unreachable, azureBackend(second, { name: 'two', priority: 1 })]);
    expect(await gateway.forward(image())).toMatchObject({ status: 200, backend: 'two', attempts: 2 });
    expect(calls()).toEqual([0, 1]);
  });
});

describe('a caller that leaves', () => {
  const reason = new Error('left');

  it.each([
    ['while the service thinks', reply.hang()],
    ['in the middle of an answer', reply.stallAfter(2)],
  ])('%s aborts the call at once, and nothing is repeated', async (_name, slow) => {
    first.on(() => slow);
    const controller = new AbortController();
    const read = over(ordered())
      .forward(chatCall({ ...hello, stream: true }, { signal: controller.signal }))
      .then(textOf);
    await first.until(() => first.calls.chat === 1);
    setTimeout(() => controller.abort(reason), 20);
    await expect(read).rejects.toBe(reason);
    await first.until(() => first.abandoned === 1);
    expect(calls()).toEqual([1, 0]);
  });

  it('while the next try is waited for', async () => {
    first.on(() => reply.status(429, { headers: { 'retry-after': '50' } }));
    const controller = new AbortController();
    const read = gatewayOver([openAiBackend(first)]).forward(chatCall(hello, { signal: controller.signal }));
    await first.until(() => first.completed === 1);
    setTimeout(() => controller.abort(reason), 20);
    await expect(read).rejects.toBe(reason);
    expect(calls()).toEqual([1, 0]);
  });
});

it('repeats nothing once an answer has begun: what breaks in mid-stream breaks for the reader', async () => {
  first.enqueue(reply.cutAfter(2));
  const answer = await over(ordered()).forward(chatCall({ ...hello, stream: true }));
  await expect(textOf(answer)).rejects.toThrow();
  expect(calls()).toEqual([1, 0]);
});
