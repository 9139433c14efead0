/** The contract's chat examples with `data_sources`, against local counterparts of their sources. Only where the contract lies beside the repository. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceTypes } from '../../src/wire/dataSources';
import { startHost } from '../support/host';
import { exampleSources, type ExampleDocument, type Printed } from '../support/exampleSources';
import { answerWith } from '../support/petStore';
import { startScriptedUpstream } from '../support/scriptedUpstream';

interface Example {
  id: string;
  title: string;
  operation: number;
  request: { path: string; query: Record<string, string>; body: { data_sources?: Source[] } | null };
  response: { status: number; body: { choices: { message: Message }[] } };
}
interface Source {
  type: keyof typeof exampleSources;
  parameters: Printed;
}
interface Message {
  content: string;
  context?: { citations: ExampleDocument[]; intent: string };
}

const root = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');
const file = [process.env.CONTRACT_DIR, join(root, '..', 'shared', 'contract')]
  .flatMap((folder) => (folder ? [join(folder, 'examples.json')] : []))
  .find(existsSync);
const all = file ? (JSON.parse(readFileSync(file, 'utf8')) as { examples: Example[] }).examples : [];
const examples = all.flatMap((example) => {
  const source = example.operation === 3 ? example.request.body?.data_sources?.[0] : undefined;
  return source ? [{ example, source }] : [];
});

/** Of an example that prints no citation. */
const someDocument: ExampleDocument = {
  content: 'Citation content.',
  title: 'Citation Title',
  url: 'https://contoso.blob.windows.net/container/contoso.txt',
  filepath: 'contoso.txt',
  chunk_id: '0',
};

(examples.length > 0 ? it : it.skip)('there are seven, each of a known type', () => {
  expect(examples.map(({ example }) => example.id)).toEqual(['3.2', '3.3', '3.4', '3.5', '3.6', '3.7', '3.8']);
  expect(sourceTypes).toEqual(expect.arrayContaining(examples.map(({ source }) => source.type)));
});

for (const { example, source } of examples) {
  const start = exampleSources[source.type];
  (start ? it : it.skip)(`${example.id} ${example.title}`, async () => {
    const expected = example.response.body.choices[0]?.message;
    const upstream = await startScriptedUpstream({ style: 'azure' });
    const counterpart = await start?.(expected?.context?.citations[0] ?? someDocument, source.parameters);
    const host = await startHost({
      env: { AZURE_OPENAI_ENDPOINT: upstream.azureEndpoint, AZURE_OPENAI_API_KEY: 'k', ...counterpart?.env },
    });
    try {
      answerWith(upstream, expected?.content ?? '', [expected?.context?.intent ?? 'dog care']);
      const parameters = { ...source.parameters, ...counterpart?.parameters };
      const path = example.request.path.replace('{deployment-id}', 'gpt-4o');
      const answer = await fetch(`${host.url}${path}?${new URLSearchParams(example.request.query)}`, {
        method: 'POST',
        headers: { 'api-key': host.key(), 'content-type': 'application/json' },
        body: JSON.stringify({ ...example.request.body, data_sources: [{ ...source, parameters }] }),
      });
      expect([answer.status, await answer.json()]).toMatchObject([
        example.response.status,
        { object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop', message: expected }] },
      ]);
    } finally {
      await host.stop();
      await counterpart?.close();
      await upstream.close();
    }
  });
}
