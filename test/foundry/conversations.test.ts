/** Conversations of Foundry's agents: programs of `@azure/ai-projects` over HTTPS, and the connector's Invoke Agent. */
import { AIProjectClient } from '@azure/ai-projects';
import { Agent } from 'undici';
import { startFoundryHost, type FoundryHost } from '../support/foundryProject';
import { reply } from '../support/scriptedUpstream';

const HOUR_MS = 3_600_000;

let foundry: FoundryHost;
let dispatcher: Agent;
let project: AIProjectClient;
let client: ReturnType<AIProjectClient['getOpenAIClient']>;
beforeAll(async () => {
  foundry = await startFoundryHost();
  const { ca } = foundry.certificates;
  dispatcher = new Agent({ connect: { ca } });
  project = projectOf('p1');
  client = clientOf(project);
  await project.agents.createVersion('keeper', { kind: 'prompt', model: 'gpt-4.1', instructions: 'You keep otters.' });
}, 60_000);
afterEach(() => foundry.upstream.reset());
afterAll(async () => {
  await dispatcher.close();
  await foundry.stop();
});

function projectOf(name: string): AIProjectClient {
  const credential = {
    getToken: () => Promise.resolve({ token: foundry.host.key(), expiresOnTimestamp: Date.now() + HOUR_MS }),
  };
  return new AIProjectClient(`${foundry.host.url}/api/projects/${name}`, credential, {
    tlsOptions: { ca: foundry.certificates.ca },
    retryOptions: { maxRetries: 0 },
  });
}
/** The project's client of the OpenAI SDK. */
const clientOf = (of: AIProjectClient) => of.getOpenAIClient({ maxRetries: 0, fetchOptions: { dispatcher } });

const agent_reference = { name: 'keeper', type: 'agent_reference' };
const asked = () => foundry.upstream.requests.at(-1)?.body.messages?.map(({ role, content }) => [role, content]);

it('an agent answers in a conversation, turn after turn', async () => {
  const conversation = await client.conversations.create({
    items: [{ type: 'message', role: 'user', content: 'Where do otters sleep?' }],
  });
  foundry.upstream.enqueue(reply.text('Afloat.'), reply.text('In rafts.'));
  const body = { conversation: conversation.id, agent_reference };
  const first = await client.responses.create({ conversation: conversation.id }, { body });
  expect(first).toMatchObject({ output_text: 'Afloat.', conversation: { id: conversation.id }, model: 'gpt-4.1' });
  await client.conversations.items.create(conversation.id, {
    items: [{ type: 'message', role: 'user', content: 'How?' }],
  });
  const stream = await client.responses.create(
    { conversation: conversation.id, stream: true },
    { body: { ...body, stream: true } },
  );
  let text = '';
  for await (const event of stream) if (event.type === 'response.output_text.delta') text += event.delta;
  expect(text).toBe('In rafts.');
  expect(asked()).toEqual([
    ['system', 'You keep otters.'],
    ['user', 'Where do otters sleep?'],
    ['assistant', 'Afloat.'],
    ['user', 'How?'],
  ]);
  await expect(clientOf(projectOf('p2')).conversations.retrieve(conversation.id)).rejects.toMatchObject({
    status: 404,
  });
  expect(await client.conversations.delete(conversation.id)).toMatchObject({ deleted: true });
});

it('Invoke Agent goes on with conversation.id', async () => {
  const { id } = await client.conversations.create();
  const invoke = async (input: string): Promise<unknown> => {
    const answer = await client.post('/responses?api-version=2025-11-15-preview', {
      body: { agent: { type: 'agent_reference', name: 'keeper' }, conversation: { id }, input, stream: false },
    });
    return answer;
  };
  foundry.upstream.enqueue(reply.text('Afloat.'), reply.text('In rafts.'));
  expect(await invoke('Where do otters sleep?')).toMatchObject({ output_text: 'Afloat.', conversation: { id } });
  expect(await invoke('How?')).toMatchObject({ output_text: 'In rafts.', conversation: { id } });
  expect(asked()?.slice(1)).toEqual([
    ['user', 'Where do otters sleep?'],
    ['assistant', 'Afloat.'],
    ['user', 'How?'],
  ]);
});
