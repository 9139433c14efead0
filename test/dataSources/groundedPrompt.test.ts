import { groundedPrompt, type PromptRequest } from '../../src/dataSources/groundedPrompt';
import { countTokens, messageWeight } from '../../src/models/promptTokens';

const ask = { role: 'user', content: 'How do I care for a dog?' };
const documents = (count: number, words: number) =>
  Array.from({ length: count }, (_, place) => ({
    content: `Dog ${place}: ${'walk '.repeat(words)}`,
    title: `Title ${place}`,
    score: 1,
  }));
const prompt = async (given: Partial<PromptRequest> & { messages?: PromptRequest['body']['messages'] }) =>
  groundedPrompt({
    body: { model: 'gpt-4o', messages: given.messages ?? [ask] },
    documents: documents(3, 5),
    inScope: true,
    roleInformation: undefined,
    window: 128_000,
    asSearchResults: false,
    ...given,
  });

describe('groundedPrompt', () => {
  it('is one system message with role information, the first instructions of the caller and marked documents, then the conversation', async () => {
    const { messages } = await prompt({
      roleInformation: 'You are a vet.',
      messages: [{ role: 'developer', content: 'Speak like a pirate.' }, ask],
    });
    expect(messages.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(messages[0]?.content).toMatch(
      /^You are a vet\.\n\nSpeak like a pirate\.[^]*\n\n\[doc1\] Title 0\nDog 0[^]*\[doc3\] Title 2/,
    );
  });

  it('asks to keep to the documents, or lets the model use what it knows', async () => {
    const inside = await prompt({});
    const outside = await prompt({ inScope: false });
    expect(inside.messages[0]?.content).toContain('The requested information is not found in the retrieved data.');
    expect(outside.messages[0]?.content).not.toContain('The requested information is not found');
    expect(outside.messages[0]?.content).toContain('use what you know');
  });

  it('sends no context and no markers of earlier answers', async () => {
    const earlier = { role: 'assistant', content: 'Feed it [doc1].', context: { intent: 'cat care' } };
    const { messages } = await prompt({ messages: [ask, earlier, ask] });
    expect(messages[2]).toEqual({ role: 'assistant', content: 'Feed it.' });
  });

  it.each([2_000, 4_000, 8_000])(
    'fits into a window of %i tokens with room for the answer, the last question whole',
    async (window) => {
      const history = Array.from({ length: 40 }, (_, turn) => [
        { role: 'user', content: `Question ${turn} ${'of many words '.repeat(30)}` },
        { role: 'assistant', content: `Answer ${turn} ${'of many words '.repeat(30)}` },
      ]).flat();
      const { messages, documents: given } = await prompt({
        messages: [...history, ask],
        documents: documents(20, 300),
        window,
      });
      expect(messages.at(-1)).toEqual(ask);
      expect(given.length).toBeGreaterThan(0);
      expect(given.length).toBeLessThan(20);
      expect(messages[1]?.role).toBe('user');
      const weights = messages.map(({ content }) => messageWeight({ role: 'user', content: String(content) }));
      const tokens = await countTokens('gpt-4o', {
        texts: weights.flatMap(({ texts }) => texts),
        more: weights.reduce((sum, { more }) => sum + more, 0),
      });
      expect(tokens).toBeLessThanOrEqual(window * 0.75);
      expect(tokens).toBeGreaterThan(window * 0.4);
    },
  );

  it('cuts the best document rather than to leave all out', async () => {
    const { documents: given } = await prompt({ documents: documents(2, 5_000), window: 2_000 });
    expect(given).toHaveLength(1);
    expect(given[0]?.content.length).toBeLessThan(25_000);
    expect(given[0]?.content).toMatch(/^Dog 0: walk/);
  });

  it('gives an extractive model the documents as what a search of its own found', async () => {
    const { messages } = await prompt({ asSearchResults: true });
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
    expect(JSON.parse(String(messages[2]?.content))).toMatchObject({
      results: [{ marker: ' [doc1]', filename: 'Title 0' }, { marker: ' [doc2]' }, { marker: ' [doc3]' }],
    });
  });
});
