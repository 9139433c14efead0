import { startHost, type Host } from '../support/host';
import { bodyOf, startScriptedMedia, type ScriptedMedia } from '../support/scriptedMedia';

let media: ScriptedMedia;
let host: Host;
beforeAll(async () => {
  media = await startScriptedMedia();
  host = await startHost({ env: { OPENAI_BASE_URL: media.url, OPENAI_API_KEY: 'upstream-key' } });
});
afterAll(async () => {
  await host.stop();
  await media.close();
});
beforeEach(() => {
  media.requests.length = 0;
});

it("texts and pictures are classified by the named model, or the service's usual one", async () => {
  const client = host.openai();
  const made = await client.moderations.create({ input: ['a', 'b'] });
  expect(made.results[0]?.flagged).toBe(false);
  await client.moderations.create({
    model: 'other',
    input: [{ type: 'image_url', image_url: { url: 'https://example.org/a.png' } }],
  });
  expect(media.requests.map((request) => bodyOf(request).model)).toEqual(['omni-moderation-latest', 'other']);
});

it.each([{}, { input: 7 }, { input: [] }])('%j is refused with 400 before any upstream call', async (body) => {
  const answer = await fetch(`${host.url}/v1/moderations`, {
    method: 'POST',
    headers: { 'api-key': host.key(), 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: 'input' } }]);
  expect(media.requests).toEqual([]);
});
