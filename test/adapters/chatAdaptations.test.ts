import { openAiChat } from '../../src/adapters/openAiChat';
import type { ChatRequest } from '../../src/models/ports';
import { gatewayOver, openAiBackend } from '../support/gateway';
import { manualClock } from '../support/manualClock';
import { failureOf } from '../support/modelFailure';
import type { ScriptedUpstream, UpstreamBody } from '../support/scriptedUpstream';
import { reply, startScriptedUpstream } from '../support/scriptedUpstream';

const request: ChatRequest = {
  model: 'reasoner',
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'Hello' },
  ],
  temperature: 0.2,
  top_p: 0.5,
  max_completion_tokens: 300,
};

let upstream: ScriptedUpstream;
let clock: ReturnType<typeof manualClock>;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
  clock = manualClock();
});
afterEach(async () => {
  await upstream.close();
});

const chat = () => openAiChat(gatewayOver([openAiBackend(upstream)], { clock }), () => clock.now());
async function ask(model: ReturnType<typeof chat>, asked = request) {
  for await (const event of model.stream(asked)) if (event.type === 'finish') return;
}
const refuses = (param: string | null, code: string | null, message = `Unsupported: ${param}`) =>
  reply.status(400, { body: { error: { message, type: 'invalid_request_error', param, code } } });
const bodies = (): UpstreamBody[] => upstream.requests.map(({ body }) => body);

/** Refuses whatever such a model does, one thing at a time. */
function pickyModel(roles: string[]): void {
  upstream.on(({ temperature, top_p, max_completion_tokens: most, messages }) => {
    const role: string = messages?.[0]?.role ?? '';
    if (!roles.includes(role)) return refuses('messages[0].role', 'unsupported_value');
    if (temperature !== undefined) return refuses('temperature', 'unsupported_value');
    if (top_p !== undefined) return refuses('top_p', 'unsupported_parameter');
    if (most !== undefined) return refuses(null, null, 'Unrecognized request argument supplied: max_completion_tokens');
    return undefined;
  });
}

it('a request is put without what its model refuses, once learned for all further calls', async () => {
  pickyModel(['user']);
  const model = chat();
  await ask(model);
  expect(bodies()).toHaveLength(6);
  const expected = {
    model: 'reasoner',
    messages: [
      { role: 'user', content: 'Be brief.' },
      { role: 'user', content: 'Hello' },
    ],
    max_tokens: 300,
    stream: true,
    stream_options: { include_usage: true },
  };
  expect(bodies().at(-1)).toEqual(expected);
  await ask(model);
  expect(bodies()).toHaveLength(7);
  expect(bodies().at(-1)).toEqual(expected);
});

it('instructions take the developer role where the system role is refused', async () => {
  pickyModel(['developer']);
  await ask(chat(), { model: 'reasoner', messages: request.messages });
  expect(bodies().map(({ messages }) => messages?.[0]?.role)).toEqual(['system', 'developer']);
});

it('what one model refuses is sent to others, and after an hour to it as well', async () => {
  pickyModel(['system']);
  const model = chat();
  await ask(model);
  const learned = bodies().length;
  upstream.on(() => undefined);
  await ask(model, { ...request, model: 'other' });
  expect(bodies().at(-1)).toMatchObject({ temperature: 0.2 });
  clock.time += 60 * 60 * 1000;
  await ask(model);
  expect(bodies()).toHaveLength(learned + 2);
  expect(bodies().at(-1)).toMatchObject({ temperature: 0.2, top_p: 0.5, max_completion_tokens: 300 });
});

it('calls that are refused at the same moment all learn from it', async () => {
  pickyModel(['system']);
  const model = chat();
  await Promise.all(Array.from({ length: 5 }, async () => ask(model)));
  expect(bodies().filter(({ temperature }) => temperature !== undefined).length).toBeLessThanOrEqual(5);
});

it.each([
  ['a parameter that means something', 'response_format', 'unsupported_parameter'],
  ['a value out of range', 'temperature', 'decimal_above_max_value'],
  ['a parameter that was not sent', 'seed', 'unsupported_parameter'],
])('%s is not left out: the refusal is told', async (_what, param, code) => {
  upstream.on(() => refuses(param, code, 'No.'));
  const failure = await failureOf(ask(chat()));
  expect(failure).toMatchObject({ kind: 'invalid_request', message: 'No.', param, code });
  expect(bodies()).toHaveLength(1);
});

it('a model that refuses everything is asked a bounded number of times', async () => {
  pickyModel([]);
  await failureOf(ask(chat()));
  expect(bodies().map(({ messages }) => messages?.[0]?.role)).toEqual(['system', 'developer', 'user']);
});
