/** Ephemeral keys for realtime sessions: operations 47 and 48 in the contract's shape, and `client_secrets` in today's. */
import { Readable } from 'node:stream';
import type { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import type { Family } from '../http/family';
import { operation, type Call, type Operation } from '../http/operation';
import type { GatewayTarget } from '../models/gateway';
import {
  clientSecret,
  clientSecretRequest,
  realtimeSession,
  realtimeSessionRequest,
  transcriptionSessionRequest,
} from '../wire/media';
import { answerText, jsonOf } from './readAnswers';
import { forward } from './modelCall';
import { currentSession, currentTranscription, sessionAnswer } from './realtimeSessions';

/** Of an answer with a key: it repeats the session's settings, instructions and tools among them. */
const MAX_KEY_BYTES = 1024 * 1024;
const DEFAULT_MODEL = 'gpt-realtime';
const DEFAULT_TRANSCRIBER = 'gpt-4o-transcribe';

interface Minted {
  operation: string;
  model: string;
  /** The request with the service's name of the model where this operation has it. */
  body: (model: string) => object;
  /** What the answer must be. */
  shape: z.ZodType;
}
interface Current {
  /** Of the answer. */
  object: string;
  /** The request in the form of `client_secrets`. */
  current: (body: Record<string, unknown>) => object;
}

/** Makes a session and hands it on once it is sure that it holds an ephemeral key and no other. */
async function mint(call: Call, minted: Minted): Promise<Response> {
  const answer = await send(call, minted);
  if (!answer.ok) return answer;
  const text = await readKey(answer, minted.shape);
  return new Response(text, { status: answer.status, headers: answer.headers });
}

/** As `mint`; a service that has no such sessions any more makes the key by `client_secrets`. */
async function mintSession(call: Call<unknown, unknown, object>, minted: Minted & Current): Promise<unknown> {
  const answer = await mint(call, minted);
  if (!isGone(answer.status)) return answer;
  const current = await send(call, {
    ...minted,
    operation: 'realtime/client_secrets',
    body: (model) => minted.current({ ...minted.body(model) }),
  });
  if (!current.ok) return current;
  const secret = clientSecret.parse(JSON.parse(await readKey(current, clientSecret)));
  return sessionAnswer(minted.object, { ...call.body }, secret);
}

const isGone = (status: number): boolean => status === 404 || status === 405 || status === 410;

async function send(call: Call, { operation, model, body }: Minted): Promise<Response> {
  const bytesFor = (target: GatewayTarget) => Buffer.from(JSON.stringify(body(target.model)));
  return forward(call, {
    operation,
    model,
    showsKeys: true,
    body: {
      kind: 'stream',
      contentType: 'application/json',
      reopenable: true,
      length: (target) => bytesFor(target).length,
      open: (target) => Readable.from([bytesFor(target)], { objectMode: false }),
    },
  });
}

/** The answer's text. Throws 502 where it holds a key that lives long, or no ephemeral one. */
async function readKey(answer: Response, shape: z.ZodType): Promise<string> {
  const text = await answerText(answer, MAX_KEY_BYTES);
  const { secrets } = await services();
  if (secrets.some((secret) => text.includes(secret))) throw errors.answerHoldsKey();
  if (!shape.safeParse(jsonOf(text)).success) throw errors.noEphemeralKey();
  return text;
}

const sessions = (path: string, number?: number): Operation =>
  operation({
    number,
    method: 'post',
    path,
    summary: 'Create a realtime session',
    apiVersionOptional: true,
    body: realtimeSessionRequest,
    response: realtimeSession,
    handle: async (call) =>
      mintSession(call, {
        object: 'realtime.session',
        current: currentSession,
        operation: 'realtimeapi/sessions',
        model: call.body.model ?? DEFAULT_MODEL,
        body: (model) => ({ ...call.body, model }),
        shape: realtimeSession,
      }),
  });

const transcriptionSessions = (path: string, number?: number): Operation =>
  operation({
    number,
    method: 'post',
    path,
    summary: 'Create a realtime transcription session',
    apiVersionOptional: true,
    body: transcriptionSessionRequest,
    response: realtimeSession,
    handle: async (call) => {
      const transcription = call.body.input_audio_transcription;
      return mintSession(call, {
        object: 'realtime.transcription_session',
        current: currentTranscription,
        operation: 'realtimeapi/transcription_sessions',
        model: transcription?.model ?? DEFAULT_TRANSCRIBER,
        body: (model) =>
          transcription?.model ? { ...call.body, input_audio_transcription: { ...transcription, model } } : call.body,
        shape: realtimeSession,
      });
    },
  });

const clientSecrets = operation({
  method: 'post',
  path: '/realtime/client_secrets',
  summary: 'Create an ephemeral key for a realtime session',
  body: clientSecretRequest,
  response: clientSecret,
  handle: async (call) => {
    const { session } = call.body;
    const isTranscription = session?.type === 'transcription';
    const named = isTranscription ? session.audio?.input?.transcription?.model : session?.model;
    const withModel = isTranscription ? withTranscriber : withSpeaker;
    return mint(call, {
      operation: 'realtime/client_secrets',
      model: named ?? (isTranscription ? DEFAULT_TRANSCRIBER : DEFAULT_MODEL),
      body: (model) => (named ? { ...call.body, session: withModel({ ...session }, model) } : call.body),
      shape: clientSecret,
    });
  },
});

type Session = NonNullable<z.output<typeof clientSecretRequest>['session']>;

const withSpeaker = (session: Session, model: string): Session => ({ ...session, model });

const withTranscriber = ({ audio, ...session }: Session, model: string): Session => ({
  ...session,
  audio: { ...audio, input: { ...audio?.input, transcription: { ...audio?.input?.transcription, model } } },
});

export const realtimeApiFamily: Family = {
  name: 'realtimeapi',
  operations: [sessions('/realtimeapi/sessions', 47), transcriptionSessions('/realtimeapi/transcription_sessions', 48)],
};

export const realtimeFamily: Family = {
  name: 'realtime',
  operations: [
    sessions('/realtime/sessions'),
    transcriptionSessions('/realtime/transcription_sessions'),
    clientSecrets,
  ],
};
