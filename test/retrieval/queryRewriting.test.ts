import type { ChatEvent, ChatModel, ChatRequest } from '../../src/models/ports';
import { rewriteQueriesWith } from '../../src/retrieval/queryRewriting';

function model(answer: (request: ChatRequest) => string): { chat: ChatModel; asked: ChatRequest[] } {
  const asked: ChatRequest[] = [];
  const chat: ChatModel = {
    serves: () => true,
    async *stream(request): AsyncGenerator<ChatEvent> {
      asked.push(request);
      await Promise.resolve();
      for (const text of answer(request)) yield { type: 'text', text };
      yield { type: 'finish', reason: 'stop' };
    },
  };
  return { chat, asked };
}

const question = ({ messages }: ChatRequest): string => String(messages.at(-1)?.content);

it('asks the deployment once for each query and keeps their order', async () => {
  const { chat, asked } = model((request) => ` new\n${question(request)} `);
  expect(await rewriteQueriesWith(chat, 'small')(['a', 'b'])).toEqual(['new a', 'new b']);
  expect(asked.map((request) => [request.model, question(request)])).toEqual([
    ['small', 'a'],
    ['small', 'b'],
  ]);
});

it('keeps a query of which the model makes nothing', async () => {
  expect(await rewriteQueriesWith(model(() => ' \n').chat, 'small')(['What is it?'])).toEqual(['What is it?']);
});

it('cuts off a model that does not end', async () => {
  const [query] = await rewriteQueriesWith(model(() => 'x'.repeat(100_000)).chat, 'small')(['a']);
  expect(query).toHaveLength(1000);
});
