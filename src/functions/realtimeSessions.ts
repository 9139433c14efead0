/** The contract's realtime sessions in the form of today's `client_secrets`, for services that have nothing else any more. */

type Fields = Record<string, unknown>;

/** Seconds that the contract gives a key. */
const KEY_SECONDS = 60;

const formats: Record<string, object> = {
  pcm16: { type: 'audio/pcm', rate: 24_000 },
  g711_ulaw: { type: 'audio/pcmu' },
  g711_alaw: { type: 'audio/pcma' },
};

/** Only the fields that were given: what is left out has the service's default, and null turns a feature off. */
const given = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const formatOf = (name: unknown): object | undefined => (typeof name === 'string' ? formats[name] : undefined);

const inputOf = (body: Fields): Fields =>
  given({
    format: formatOf(body.input_audio_format),
    transcription: body.input_audio_transcription,
    noise_reduction: body.input_audio_noise_reduction,
    turn_detection: body.turn_detection,
  });

const secretRequest = (session: Fields): object => ({
  expires_after: { anchor: 'created_at', seconds: KEY_SECONDS },
  session,
});

/** Request of operation 47 for `client_secrets`. Today's sessions have no temperature. */
export function currentSession(body: Fields): object {
  const { instructions, tools, tool_choice, max_response_output_tokens, modalities, model } = body;
  const isSilent = Array.isArray(modalities) && !modalities.includes('audio');
  return secretRequest(
    given({
      type: 'realtime',
      model,
      instructions,
      tools,
      tool_choice,
      max_output_tokens: max_response_output_tokens,
      output_modalities: modalities === undefined ? undefined : [isSilent ? 'text' : 'audio'],
      audio: { input: inputOf(body), output: given({ format: formatOf(body.output_audio_format), voice: body.voice }) },
    }),
  );
}

/** Request of operation 48 for `client_secrets`. */
export function currentTranscription(body: Fields): object {
  return secretRequest(given({ type: 'transcription', include: body.include, audio: { input: inputOf(body) } }));
}

/** The answer of `client_secrets` as that of operation 47 or 48, which echoes what was configured (oddity O33). */
export function sessionAnswer(object: string, body: Fields, secret: { value: string; expires_at: number }): object {
  const configured = given({ ...body, temperature: undefined });
  return { object, ...configured, client_secret: { value: secret.value, expires_at: secret.expires_at } };
}
