import { intentText, searchQueries } from '../../src/dataSources/searchQueries';
import type { ChatModel, ChatRequest } from '../../src/models/ports';

const options = { tenant: 'alpha', signal: new AbortController().signal };
/** A model that says this, and keeps what it was asked. */
function model(text: string): { chat: ChatModel; asked: ChatRequest[] } {
  const asked: ChatRequest[] = [];
  return {
    asked,
    chat: {
      serves: () => true,
      async *stream(request) {
        asked.push(request);
        yield { type: 'text', text };
        yield { type: 'finish', reason: 'stop', usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 } };
      },
    },
  };
}
const conversation = [
  { role: 'user', content: 'can you tell me how to care for a cat?' },
  { role: 'assistant', content: 'Feed it [doc1].', context: { intent: 'cat care' } },
  { role: 'user', content: 'how about dog?' },
];
const queriesOf = async (written: string, most = 3) =>
  (await searchQueries(model(written).chat, 'gpt-4o', conversation, most, options)).queries;

describe('searchQueries', () => {
  it.each([
    ['["dog care", "dog food"]', ['dog care', 'dog food']],
    ['```json\n["dog care"]\n```', ['dog care']],
    ['{"queries": ["dog care"]}', ['dog care']],
    ['- dog care\n- dog food', ['dog care', 'dog food']],
    ['dog care', ['dog care']],
    ['["dog care", "dog care", ""]', ['dog care']],
  ])('reads the queries in %j', async (written, expected) => {
    expect(await queriesOf(written)).toEqual(expected);
  });

  it("takes the user's own words where the model gives none", async () => {
    expect(await queriesOf('[]')).toEqual(['how about dog?']);
    expect(await queriesOf('')).toEqual(['how about dog?']);
  });

  it('uses at most max_search_queries, and tells the model so', async () => {
    const { chat, asked } = model('["a", "b", "c"]');
    const { queries, usage } = await searchQueries(chat, 'gpt-4o', conversation, 2, options);
    expect(queries).toEqual(['a', 'b']);
    expect(usage?.total_tokens).toBe(5);
    expect(JSON.stringify(asked[0]?.messages[0])).toContain('never more than 2');
  });

  it('tells the model what earlier turns were searched for, and no markers of theirs', async () => {
    const { chat, asked } = model('["dog care"]');
    await searchQueries(chat, 'gpt-4o', conversation, 3, options);
    const sent = JSON.stringify(asked[0]?.messages);
    expect(sent).toContain('searched for: cat care');
    expect(sent).not.toContain('doc1');
  });

  it('asks no model where the user said nothing', async () => {
    const { chat, asked } = model('["x"]');
    const picture = [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:' } }] }];
    expect(await searchQueries(chat, 'gpt-4o', picture, 3, options)).toEqual({ queries: [] });
    expect(asked).toEqual([]);
  });
});

describe('intentText', () => {
  it('is the query, or a JSON array of several', () => {
    expect(intentText(['dog care'])).toBe('dog care');
    expect(intentText(['a', 'b'])).toBe('["a","b"]');
  });
});
