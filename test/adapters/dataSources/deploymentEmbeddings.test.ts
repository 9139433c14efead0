import { deploymentEmbeddings } from '../../../src/adapters/dataSources/deploymentEmbeddings';
import type { EmbeddingModel } from '../../../src/models/ports';
import { gatewayOver, openAiBackend } from '../../support/gateway';
import { startScriptedUpstream, wordVector, type ScriptedUpstream } from '../../support/scriptedUpstream';

const scope = { tenant: 'alpha', project: '-' };
const never = new AbortController().signal;
const builtIn: EmbeddingModel = {
  id: 'built-in',
  textWeight: 1,
  embed: async (texts) => texts.map(() => Float32Array.of(0.6, 0.8, 0)),
};
let upstream: ScriptedUpstream;
beforeEach(async () => {
  upstream = await startScriptedUpstream();
});
afterEach(async () => upstream.close());
const embed = async (deployment_name: string, dimensions?: number) =>
  deploymentEmbeddings(gatewayOver([openAiBackend(upstream)]), builtIn, (name) => name === 'built-in').embed(
    { type: 'deployment_name', deployment_name, dimensions },
    ['dog care', 'cat care'],
    scope,
    never,
  );

it('a deployment behind the gateway embeds the queries, with the dimensions asked for', async () => {
  expect(await embed('embed', 64)).toEqual([wordVector('dog care'), wordVector('cat care')]);
  expect(upstream.requests[0]?.body).toMatchObject({ model: 'embed', input: ['dog care', 'cat care'], dimensions: 64 });
  await embed('embed');
  expect(upstream.requests[1]?.body).not.toHaveProperty('dimensions');
});

it('the built-in model embeds by its name, cut to the dimensions asked for and brought back to length 1', async () => {
  expect(await embed('built-in')).toEqual([Float32Array.of(0.6, 0.8, 0), Float32Array.of(0.6, 0.8, 0)]);
  expect((await embed('built-in', 1))[0]).toEqual(Float32Array.of(1));
  expect(upstream.calls.embeddings).toBe(0);
});

it('more dimensions than the built-in model has are refused', async () => {
  await expect(embed('built-in', 4)).rejects.toMatchObject({
    kind: 'invalid_request',
    param: 'data_sources[0].parameters.embedding_dependency',
  });
});
