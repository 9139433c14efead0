/** Python that is watched as the model writes it, and a picture that it draws. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

/** Runs the assistant; the code and its output as they came, and the picture in the answer. */
async function watch(client: OpenAI) {
  const { assistants, threads } = client.beta;
  const assistant = await assistants.create({ model: 'gpt-4.1', tools: [{ type: 'code_interpreter' }] });
  const thread = await threads.create({ messages: [{ role: 'user', content: 'Draw a dot.' }] });
  let code = '';
  let logs = '';
  const stream = threads.runs.stream(thread.id, { assistant_id: assistant.id });
  stream.on('toolCallDelta', (delta) => {
    if (delta.type !== 'code_interpreter') return;
    code += delta.code_interpreter?.input ?? '';
    for (const output of delta.code_interpreter?.outputs ?? []) if (output.type === 'logs') logs += output.logs ?? '';
  });
  const [message] = await stream.finalMessages();
  const picture = message?.content.find((part) => part.type === 'image_file');
  if (!picture) throw new Error('The answer has no picture.');
  const bytes = await (await client.files.content(picture.image_file.file_id)).arrayBuffer();
  return { code, logs, picture: Buffer.from(bytes), parts: message?.content.map(({ type }) => type) };
}

const suite = contractSuite();

it.each(sdks)(
  'streams code, output and picture (%s)',
  async (sdk) => {
    const dot = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const code = `import base64\nopen('/mnt/data/dot.png', 'wb').write(base64.b64decode('${dot}'))\nprint('drawn')`;
    suite.upstream.enqueue(
      reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]),
      reply.text('Here it is.'),
    );
    const seen = await watch(suite.client(sdk));
    expect(seen.code).toBe(code);
    expect(seen.logs).toBe('drawn\n');
    expect(seen.picture.toString('base64')).toBe(dot);
    expect(seen.parts).toEqual(['image_file', 'text']);
  },
  60_000,
);
