/** Containers outlive the host: another one has their files, whatever sandbox the code runs in. */
import { startHost, type Host } from '../support/host';
import { reply, startScriptedUpstream, toolOutputs, type ScriptedUpstream } from '../support/scriptedUpstream';

let upstream: ScriptedUpstream;
let host: Host | undefined;
beforeAll(async () => {
  upstream = await startScriptedUpstream();
});
afterAll(async () => {
  await host?.stop();
  await upstream.close();
});

/** Runs the code in the container; what it printed. */
async function printed({ openai }: Host, container: string, code: string): Promise<string | undefined> {
  upstream.enqueue(reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]), reply.text('Done.'));
  await openai().responses.create({ model: 'm', input: 'Run.', tools: [{ type: 'code_interpreter', container }] });
  return toolOutputs(upstream.requests.at(-1)?.body.messages ?? []).at(-1);
}

it('after a crash code finds what was put there and what earlier code wrote, and nothing that was deleted', async () => {
  const env = { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'upstream-key' };
  const first = await startHost({ env });
  host = first;
  const { containers } = first.openai();
  const { id } = await containers.create({ name: 'work' });
  await containers.files.create(id, { file: new File(['in'], 'in.txt') });
  const write = ['kept', 'gone'].map((name) => `open('/mnt/data/${name}.txt', 'w').write('${name}');`).join('\n');
  await printed(
    first,
    id,
    `import os\nos.makedirs('/mnt/data/deep')\nopen('/mnt/data/deep/a.txt', 'w').write('a');\n${write}`,
  );
  const gone = (await containers.files.list(id)).data.find(({ path }) => path === '/mnt/data/gone.txt');
  await containers.files.delete(gone?.id ?? '', { container_id: id });
  await first.kill();
  const second = await startHost({ env, dataDir: first.dataDir });
  host = second;
  const list = "import glob\nprint([open(p).read() for p in sorted(glob.glob('/mnt/data/**/*.txt', recursive=True))])";
  expect(await printed(second, id, list)).toBe("['a', 'in', 'kept']\n");
  expect(await second.openai().containers.retrieve(id)).toMatchObject({ name: 'work', status: 'running' });
}, 120_000);
