/** Ephemeral keys for realtime sessions: minted by the model service, never one that lives long. */
import { startHost } from '../support/host';
import { startMediaHosts, styles, UPSTREAM_KEY as KEY, type Hosts, type Style } from '../support/modelHosts';
import { bodyOf, EPHEMERAL, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  const deployments = { talk: 'gpt-realtime', scribe: 'gpt-4o-transcribe', '*': '*' };
  ({ media, hosts, stop } = await startMediaHosts(({ url }) => {
    const backend = { name: 'one', kind: 'openai', base_url: url, api_key: KEY, deployments };
    return { openai: { MODEL_BACKENDS: JSON.stringify([backend]) } };
  }));
});
afterAll(async () => stop());
beforeEach(() => media.reset());

const post = async (service: Style, path: string, body: unknown) => {
  const answer = await fetch(`${hosts[service].url}${path}`, {
    method: 'POST',
    headers: { 'api-key': hosts[service].key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
};
const session = {
  model: 'talk',
  modalities: ['text', 'audio'],
  voice: 'alloy',
  turn_detection: { type: 'semantic_vad', eagerness: 'low' },
  made_up: 1,
};

describe.each(styles)('By a service of style %s', (service) => {
  const name = (openai: string, azure: string) => (service === 'openai' ? openai : azure);

  it.each([
    '/openai/realtimeapi/sessions?api-version=2025-04-01-preview',
    '/openai/realtimeapi/sessions',
    '/v1/realtime/sessions',
  ])('a session is made at %s, and echoes what was configured', async (path) => {
    const made = await post(service, path, session);
    const model = name('gpt-realtime', 'talk');
    expect(made).toMatchObject({ status: 200, body: { ...session, model, client_secret: EPHEMERAL } });
    expect(media.requests.map(bodyOf)).toEqual([{ ...session, model }]);
    expect(media.requests[0]?.headers['content-length']).toBe(String(media.requests[0]?.length));
  });

  it.each(['/openai/realtimeapi/transcription_sessions', '/v1/realtime/transcription_sessions'])(
    'a transcription session is made at %s',
    async (path) => {
      const made = await post(service, path, { input_audio_transcription: { model: 'scribe', language: 'en' } });
      expect(made).toMatchObject({ status: 200, body: { client_secret: EPHEMERAL } });
      const model = name('gpt-4o-transcribe', 'scribe');
      expect(media.requests.map(bodyOf)).toEqual([{ input_audio_transcription: { model, language: 'en' } }]);
    },
  );

  it.each(styles)("the %s SDK makes a key in today's shape", async (caller) => {
    const made = await hosts[service][caller]().realtime.clientSecrets.create({
      session: { type: 'realtime', model: 'talk', instructions: 'Be brief.' },
    });
    expect(made).toMatchObject({ ...EPHEMERAL, session: { instructions: 'Be brief.' } });
    expect(bodyOf(media.requests[0] ?? fail())).toMatchObject({ session: { model: name('gpt-realtime', 'talk') } });
    expect(media.requests[0]?.path).toBe(name('/v1/realtime/client_secrets', '/openai/v1/realtime/client_secrets'));
  });

  it.each(styles)("the %s SDK makes a key for transcription in today's shape", async (caller) => {
    const transcription = { model: 'scribe' as 'gpt-4o-transcribe', language: 'en' };
    const made = await hosts[service][caller]().realtime.clientSecrets.create({
      expires_after: { anchor: 'created_at', seconds: 60 },
      session: { type: 'transcription', audio: { input: { transcription, turn_detection: null } } },
    });
    expect(made).toMatchObject(EPHEMERAL);
    const model = name('gpt-4o-transcribe', 'scribe');
    expect(media.requests.map(bodyOf)).toEqual([
      {
        expires_after: { anchor: 'created_at', seconds: 60 },
        session: { type: 'transcription', audio: { input: { transcription: { model, language: 'en' }, turn_detection: null } } },
      },
    ]); // prettier-ignore
  });

  it.each(styles)('the %s SDK makes sessions in the shape that its beta has', async (caller) => {
    const { sessions, transcriptionSessions } = hosts[service][caller]().beta.realtime;
    const made = await sessions.create({ instructions: 'Be brief.' });
    expect(made).toMatchObject({ instructions: 'Be brief.', client_secret: EPHEMERAL });
    const heard = await transcriptionSessions.create({
      input_audio_transcription: { model: 'gpt-4o-transcribe', language: 'en' },
    });
    expect(heard.client_secret).toEqual(EPHEMERAL);
    expect(media.requests.map(({ operation }) => operation.replace(/^realtimeapi/, 'realtime'))).toEqual([
      'realtime/sessions',
      'realtime/transcription_sessions',
    ]);
  });
});

const fail = (): never => {
  throw new Error('No request came.');
};

describe('By a service that has but client_secrets', () => {
  beforeEach(() =>
    media.on(({ operation }) =>
      /sessions$/.test(operation) ? { status: 404, body: '{"error":{"message":"Gone."}}' } : undefined,
    ),
  );

  it('a session is made in the form of today, and answered in that of the contract', async () => {
    const asked = {
      ...session,
      instructions: 'Be brief.',
      input_audio_format: 'g711_ulaw',
      max_response_output_tokens: 100,
      temperature: 0.7,
    };
    const made = await post('openai', '/openai/realtimeapi/sessions', asked);
    expect(made).toEqual({
      status: 200,
      body: { object: 'realtime.session', ...asked, temperature: undefined, client_secret: EPHEMERAL },
    });
    expect(media.requests.map(({ operation }) => operation)).toEqual(['realtime/sessions', 'realtime/client_secrets']);
    expect(media.requests.map(bodyOf)[1]).toEqual({
      expires_after: { anchor: 'created_at', seconds: 60 },
      session: {
        type: 'realtime', model: 'gpt-realtime', instructions: 'Be brief.', max_output_tokens: 100, output_modalities: ['audio'],
        audio: { input: { format: { type: 'audio/pcmu' }, turn_detection: session.turn_detection }, output: { voice: 'alloy' } },
      },
    }); // prettier-ignore
  });

  it('a transcription session too', async () => {
    const asked = { input_audio_transcription: { model: 'scribe', language: 'en' }, turn_detection: null };
    const made = await post('openai', '/openai/realtimeapi/transcription_sessions', asked);
    expect(made).toEqual({
      status: 200,
      body: { object: 'realtime.transcription_session', ...asked, client_secret: EPHEMERAL },
    });
    expect(media.requests.map(bodyOf)[1]).toMatchObject({
      session: {
        type: 'transcription',
        audio: { input: { transcription: { model: 'gpt-4o-transcribe', language: 'en' }, turn_detection: null } },
      },
    });
  });
});

it.each([
  ['is the configured key', { client_secret: { value: KEY, expires_at: 1 } }],
  ['holds the configured key', { client_secret: { value: `ek-${KEY}-1`, expires_at: 1 } }],
  ['is ephemeral, beside the configured key', { client_secret: EPHEMERAL, note: KEY }],
  ['is missing', { id: 'sess_1' }],
  ['has no end', { client_secret: { value: 'ek' } }],
  ['is empty', { client_secret: { value: '', expires_at: 1 } }],
])('a secret that %s is a 502, in one upstream call', async (_what, answer) => {
  media.on(() => ({ body: JSON.stringify(answer) }));
  const made = await post('openai', '/v1/realtime/sessions', session);
  expect(made).toMatchObject({ status: 502, body: { error: { type: 'server_error' } } });
  expect(JSON.stringify(made)).not.toContain(KEY);
  expect(media.requests).toHaveLength(1);
});

it('a placeholder in place of a key, as servers without keys are given, is no key that the answer holds', async () => {
  const host = await startHost({ env: { OPENAI_BASE_URL: media.url, OPENAI_API_KEY: 'none' } });
  try {
    const made = await host.openai().beta.realtime.sessions.create({ tool_choice: 'none' });
    expect(made).toMatchObject({ tool_choice: 'none', client_secret: EPHEMERAL });
  } finally {
    await host.stop();
  }
});

it.each([
  ['a temperature beyond the limits', { temperature: 2 }, 'temperature'],
  ['a modality that there is not', { modalities: ['smell'] }, 'modalities[0]'],
  ['too many tokens', { max_response_output_tokens: 5000 }, 'max_response_output_tokens'],
])('%s is refused with 400 before any upstream call', async (_what, body, param) => {
  expect(await post('openai', '/openai/realtimeapi/sessions', body)).toMatchObject({
    status: 400,
    body: { error: { param } },
  });
  expect(media.requests).toEqual([]);
});
