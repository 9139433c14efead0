/** `GET /usage`: what the tenant used of the model services. */
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, type ScriptedUpstream } from '../support/scriptedUpstream';

const today = new Date().toISOString().slice(0, 10);

let upstream: ScriptedUpstream;
let host: Host;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
  host = await startHost({ env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'k' } });
}, 60_000);
afterAll(async () => {
  await host.stop();
  await upstream.close();
});

interface Row {
  deployment: string;
  calls: number;
  metered_calls: number;
  prompt_tokens: number;
  completion_tokens: number;
}
const ask = async (query: string, tenant: 'alpha' | 'beta' = 'alpha'): Promise<Response> =>
  fetch(`${host.url}/v1/usage?${query}`, { headers: { 'api-key': host.key(tenant) } });
async function usage(tenant: 'alpha' | 'beta' = 'alpha'): Promise<Map<string, Row>> {
  // The day may turn while the test runs.
  const next = new Date(Date.parse(today) + 86_400_000).toISOString().slice(0, 10);
  const answer = await ask(`start_date=${today}&end_date=${next}`, tenant);
  expect(answer.status).toBe(200);
  const { data } = (await answer.json()) as { data: Row[] };
  return new Map(data.map((row) => [row.deployment, row]));
}

it('counts calls that pass through, whole and streamed, and the calls of runs, with the tokens that answers tell of', async () => {
  const openai = host.openai();
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const whole = await openai.chat.completions.create({ model: 'gpt-whole', messages });
  const stream = await openai.chat.completions.create({
    model: 'gpt-stream',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  });
  let told: { prompt_tokens: number; completion_tokens: number } | null | undefined;
  for await (const chunk of stream) told = chunk.usage ?? told;
  const untold = await openai.chat.completions.create({ model: 'gpt-untold', messages, stream: true });
  for await (const { usage: none } of untold) expect(none ?? null).toBeNull();
  const embedded = await openai.embeddings.create({ model: 'embed', input: ['a', 'b'] });
  const assistant = await openai.beta.assistants.create({ model: 'gpt-run' });
  const run = await openai.beta.threads.createAndRunPoll({ assistant_id: assistant.id, thread: { messages } });
  expect(run.status).toBe('completed');
  const rows = await usage();
  expect(rows.get('gpt-whole')).toMatchObject({
    calls: 1,
    metered_calls: 1,
    prompt_tokens: whole.usage?.prompt_tokens,
    completion_tokens: whole.usage?.completion_tokens,
  });
  expect(told).toBeTruthy();
  expect(rows.get('gpt-stream')).toMatchObject({
    calls: 1,
    metered_calls: 1,
    prompt_tokens: told?.prompt_tokens,
    completion_tokens: told?.completion_tokens,
  });
  expect(rows.get('gpt-untold')).toMatchObject({ calls: 1, metered_calls: 0, prompt_tokens: 0 });
  expect(rows.get('embed')).toMatchObject({ calls: 1, prompt_tokens: embedded.usage.prompt_tokens });
  expect(rows.get('gpt-run')).toMatchObject({
    calls: 1,
    metered_calls: 1,
    prompt_tokens: run.usage?.prompt_tokens,
    completion_tokens: run.usage?.completion_tokens,
  });
  expect(await usage('beta')).toEqual(new Map());
});

it('does not count what the service refused', async () => {
  upstream.enqueue(reply.status(400, { body: { error: { message: 'no' } } }));
  const refused = host
    .openai('beta')
    .chat.completions.create({ model: 'gpt', messages: [{ role: 'user', content: 'x' }] });
  await expect(refused).rejects.toMatchObject({ status: 400 });
  expect(await usage('beta')).toEqual(new Map());
});

it('refuses days that are none, or too many', async () => {
  for (const query of ['', 'start_date=yesterday', 'start_date=2026-02-30']) {
    expect((await ask(query)).status).toBe(400);
  }
  for (const query of ['start_date=2026-01-02&end_date=2026-01-01', 'start_date=2026-01-01&end_date=2026-12-31']) {
    const answer = await ask(query);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { param: 'end_date' } });
  }
});
