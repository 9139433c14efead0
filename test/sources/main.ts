/**
 * `npm run sources`: the test sources on fixed ports of this machine, filled with the same documents, a server of this package before them, and one
 * question asked to each; they run until Ctrl+C. `npm run sources -- --once` takes free ports and ends after the question.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import type OpenAI from 'openai';
import { localEmbeddings } from '../../src/adapters/localEmbeddings';
import { startHost, type Host } from '../support/host';
import { contextOf } from '../support/petStore';
import { startFiveSources, type FiveSources } from './fiveSources';
import { library, type Corpus } from './library';

const QUESTION = 'How long does the warranty last?';
const FIRST_PORT = 5081;
/** Both are part of the package. */
const MODEL = 'local-extractive';
const EMBEDDINGS = 'local-embeddings-en';

/** The library with the package's own embeddings. */
async function embeddedLibrary(): Promise<Corpus> {
  const model = localEmbeddings();
  const texts = library.map(({ content }) => content);
  const vectors = await model.embed(texts, 'document', AbortSignal.timeout(60_000));
  await model.close();
  const [first] = vectors;
  if (!first) throw new Error('The library is empty.');
  const byText = new Map(texts.map((text, place) => [text, vectors[place]]));
  // Only contents are searched by vectors here; what else the servers could embed has none.
  return { documents: library, embed: (text) => byText.get(text) ?? new Float32Array(first.length) };
}

async function ask(host: Host, source: FiveSources['sources'][number]) {
  const body: OpenAI.ChatCompletionCreateParamsNonStreaming & { data_sources: object[] } = {
    model: MODEL,
    messages: [{ role: 'user', content: QUESTION }],
    data_sources: [source],
  };
  const { choices } = await host.azure().chat.completions.create(body);
  const { citations = [] } = contextOf(choices[0]?.message) ?? {};
  return {
    source: source.type,
    answer: choices[0]?.message.content ?? '',
    citations: citations.map(({ title }, place) => `[doc${place + 1}] ${title}`).join(', '),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { once: { type: 'boolean', default: false } } });
  const five = await startFiveSources({
    corpus: await embeddedLibrary(),
    firstPort: values.once ? undefined : FIRST_PORT,
    deployment: EMBEDDINGS,
  });
  const host = await startHost({ env: five.env });
  try {
    console.log(`${QUESTION}\n`);
    for (const source of five.sources) {
      const row = await ask(host, source);
      console.log(`${row.source}\n  answer     ${row.answer}\n  citations  ${row.citations}`);
    }
    if (values.once) return;
    console.log(`
The server: ${host.url}, api-key ${host.key()}, models ${MODEL} and ${EMBEDDINGS}. A server of your own takes these settings:
  ${Object.entries(five.env)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n  ')}
and each of these as data_sources:`);
    for (const source of five.sources) console.log(JSON.stringify([source]));
    console.log('Ctrl+C ends them.');
    await once(process, 'SIGINT');
  } finally {
    await host.stop();
    await five.close();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
