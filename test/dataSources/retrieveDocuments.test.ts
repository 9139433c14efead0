import { SourceError, type DataSource, type SourceQuery } from '../../src/dataSources/ports';
import { retrieveDocuments } from '../../src/dataSources/retrieveDocuments';

const queries = (...texts: string[]): SourceQuery[] => texts.map((text) => ({ text, limit: 5 }));
const source = (search: DataSource['search']): DataSource => ({ wantsVector: false, scale: 'similarity', search });
const never = new AbortController().signal;
const document = (content: string, score: number) => ({ content, score });

describe('retrieveDocuments', () => {
  it('merges what several queries find: once, with the best score and the queries that found it', async () => {
    const found = await retrieveDocuments(
      source(async ({ text }) => (text === 'a' ? [document('x', 0.4)] : [document('x', 0.6), document('y', 0.5)])),
      queries('a', 'b'),
      false,
      never,
    );
    expect(found).toEqual([
      { content: 'x', score: 0.6, searchQueries: ['a', 'b'] },
      { content: 'y', score: 0.5, searchQueries: ['b'] },
    ]);
  });

  it("keeps the source's own score of the query whose score is the best", async () => {
    const found = await retrieveDocuments(
      source(async ({ text }) => [
        text === 'a' ? { content: 'x', score: 0.5, originalScore: 1 } : { content: 'x', score: 0.2, originalScore: 4 },
      ]),
      queries('a', 'b'),
      false,
      never,
    );
    expect(found).toEqual([{ content: 'x', score: 0.5, originalScore: 1, searchQueries: ['a', 'b'] }]);
  });

  it('has at most four queries at the source at once', async () => {
    let underWay = 0;
    let most = 0;
    await retrieveDocuments(
      source(async () => {
        most = Math.max(most, (underWay += 1));
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return [];
      }),
      queries(...Array.from({ length: 20 }, (_, place) => `q${place}`)),
      false,
      never,
    );
    expect(most).toBe(4);
  });

  const failing = source(async ({ text }) => {
    if (text !== 'good') throw new SourceError('unavailable', `no answer to ${text}`);
    return [document('x', 1)];
  });

  it('fails with the first query that fails, and ends the others', async () => {
    let ended = false;
    const slow = source(async ({ text }, signal) => {
      if (text === 'bad') throw new SourceError('unavailable', 'down');
      await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      return [];
    });
    const spied = {
      ...slow,
      search: async (query: SourceQuery, signal: AbortSignal) => {
        signal.addEventListener('abort', () => (ended = true));
        return slow.search(query, signal);
      },
    };
    await expect(retrieveDocuments(spied, queries('slow', 'bad'), false, never)).rejects.toThrow('down');
    expect(ended).toBe(true);
  });

  it('goes on with what the others find where partial results are allowed, and fails only if all fail', async () => {
    expect(await retrieveDocuments(failing, queries('bad', 'good'), true, never)).toHaveLength(1);
    await expect(retrieveDocuments(failing, queries('bad', 'worse'), true, never)).rejects.toThrow('no answer to bad');
  });

  it('gives the reason of the caller that left, also where partial results are allowed', async () => {
    const left = new AbortController();
    const leaving = source(async (_query, signal) => {
      left.abort(new Error('left'));
      signal.throwIfAborted();
      return [];
    });
    await expect(retrieveDocuments(leaving, queries('a'), true, left.signal)).rejects.toThrow('left');
  });

  it('refuses documents that are too large together', async () => {
    const large = source(async ({ text }) => [document(text + 'x'.repeat(9_000_000), 0.5)]);
    await expect(retrieveDocuments(large, queries('a', 'b', 'c'), false, never)).resolves.toHaveLength(3);
    await expect(retrieveDocuments(large, queries('a', 'b', 'c', 'd'), false, never)).rejects.toMatchObject({
      kind: 'invalid',
      param: 'data_sources[0].parameters.top_n_documents',
    });
  });
});
