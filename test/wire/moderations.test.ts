/** Moderations with the official SDKs in both styles. */
import { callersAndServices, startMediaHosts, type Hosts } from '../support/modelHosts';
import { bodyOf, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let hosts: Hosts;
let stop: () => Promise<void>;
beforeAll(async () => {
  ({ media, hosts, stop } = await startMediaHosts());
});
afterAll(async () => stop());
beforeEach(() => media.reset());

it.each(callersAndServices)(
  "the %s SDK before a service of style %s has texts and pictures classified by the named model, or the service's usual one",
  async (caller, service) => {
    const client = hosts[service][caller]();
    const made = await client.moderations.create({ input: ['a', 'b'] });
    expect(made.results[0]?.flagged).toBe(false);
    await client.moderations.create({
      model: 'other',
      input: [{ type: 'image_url', image_url: { url: 'https://example.org/a.png' } }],
    });
    expect(media.requests.map(({ operation }) => operation)).toEqual(['moderations', 'moderations']);
    const named = media.requests.map((request) => (service === 'azure' ? request.deployment : bodyOf(request).model));
    expect(named).toEqual(['omni-moderation-latest', 'other']);
  },
);

it.each([{}, { input: 7 }, { input: [] }])('%j is refused with 400 before any upstream call', async (body) => {
  const answer = await fetch(`${hosts.openai.url}/v1/moderations`, {
    method: 'POST',
    headers: { 'api-key': hosts.openai.key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: 'input' } }]);
  expect(media.requests).toEqual([]);
});
