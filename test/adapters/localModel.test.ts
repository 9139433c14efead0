import { localCompletions } from '../../src/adapters/localCompletions';
import { localEmbeddings } from '../../src/adapters/localEmbeddings';
import { LOCAL_MODEL, localChatModel } from '../../src/adapters/localModel';
import type { ChatEvent, ChatMessage, ChatRequest, EmbeddingModel, FunctionTool } from '../../src/models/ports';

const embeddings = localEmbeddings();
const model = localChatModel(embeddings);

afterAll(async () => {
  await embeddings.close();
});

const fileSearch: FunctionTool = { type: 'function', function: { name: 'file_search', parameters: {} } };
const otherTool: FunctionTool = { type: 'function', function: { name: 'get_weather', parameters: {} } };

const handbook = `# Working hours

The office is open from 8:30 to 18:00 on weekdays. On Fridays it closes at 16:00.

# Holidays

Every employee has 28 days of paid vacation a year. Unused vacation days expire on 31 March of the following year. Dr. Weber
approves all requests for leave, which must be handed in two weeks before the first day.

# Travel

Train journeys are booked in second class. For journeys of more than five hours first class is allowed. Meals on business
trips are reimbursed up to 45 euros a day.`;

const garden = `Tomatoes need at least six hours of sun a day. Water them in the morning, never on the leaves. Basil grows well
beside tomatoes and keeps whiteflies away. Slugs can be kept off with a ring of sand.`;

interface Result {
  marker: string;
  filename: string;
  score: number;
  text: string;
}

const results: Result[] = [
  { marker: '【4:0†handbook.md】', filename: 'handbook.md', score: 0.9, text: handbook },
  { marker: '【4:1†my garden.txt】', filename: 'my garden.txt', score: 0.4, text: garden },
];

function searched(question: string, found: Result[] = results): ChatMessage[] {
  return [
    { role: 'system', content: 'Be helpful.' },
    { role: 'user', content: question },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'file_search', arguments: '{"queries":["x"]}' } },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: JSON.stringify({ results: found }) },
  ];
}

async function collect(request: Partial<ChatRequest>, signal?: AbortSignal): Promise<ChatEvent[]> {
  const events: ChatEvent[] = [];
  for await (const event of model.stream({ model: LOCAL_MODEL, messages: [], ...request }, signal)) events.push(event);
  return events;
}

/** How often the event loop turns while `work` goes on. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const turn = (): void => {
    turns += 1;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  isOver = true;
  return turns;
}

/** One word of letters in no order that would repeat. */
function longWord(length: number): string {
  let state = 1;
  const letter = (): string => {
    state = (state * 48_271) % 2_147_483_647;
    return String.fromCharCode(97 + (state % 26));
  };
  return Array.from({ length }, letter).join('');
}

it('lets the event loop turn while the tokens of a long word are counted, which took minutes', async () => {
  const word = longWord(200_000);
  // What was counted once is remembered.
  const other = [...word].reverse().join('');
  const ask = async (content: string) => collect({ messages: [{ role: 'user', content }] });
  const vectors: EmbeddingModel = {
    ...{ id: 'none', textWeight: 1 },
    embed: async (texts) => texts.map(() => new Float32Array(2)),
  };
  const embed = async (input: string) => localCompletions(model, vectors, 2).embeddings({ input });
  await ask('x');
  await embed('x');
  expect(await turnsDuring(async () => ask(word))).toBeGreaterThan(3);
  expect(await turnsDuring(async () => embed(other))).toBeGreaterThan(3);
});

it('reads no more of a passage than a chunk may have, and lets the event loop turn between passages', async () => {
  const sentence = 'The office is open from eight to six. ';
  const found = Array.from({ length: 20 }, (_, place) => ({
    ...{ marker: `【4:${place}†a.txt】`, filename: 'a.txt', score: 1 },
    text: sentence.repeat(600) + 'The sea is made of salt water. ',
  }));
  expect(await turnsDuring(async () => answer('When is the office open?', found))).toBeGreaterThan(20);
  expect(await answer('What is the sea made of?', found)).not.toContain('salt');
  const whole = found.map((one) => ({ ...one, text: sentence.repeat(500) + 'The sea is made of salt water. ' }));
  expect(await answer('What is the sea made of?', whole)).toContain('salt');
});

const textOf = (events: ChatEvent[]) => events.map((event) => (event.type === 'text' ? event.text : '')).join('');
const answer = async (question: string, found?: Result[]) =>
  textOf(await collect({ messages: searched(question, found), tools: [fileSearch] }));

/** The answer's sentences without their markers. */
const quotations = (text: string) =>
  text
    .split(/【[^】]*】/)
    .map((part) => part.trim())
    .filter(Boolean);

describe('localChatModel', () => {
  it('serves its own name only', () => {
    expect(model.serves(LOCAL_MODEL)).toBe(true);
    expect(LOCAL_MODEL).toBe('local-extractive');
    expect(model.serves('gpt-4o')).toBe(false);
  });

  it('asks for one search with the words of the user', async () => {
    const events = await collect({
      messages: [{ role: 'user', content: 'When does the office close?' }],
      tools: [otherTool, fileSearch],
    });
    expect(events).toEqual([
      {
        type: 'tool_call',
        index: 0,
        id: expect.stringMatching(/^call_[0-9a-z]{24}$/),
        name: 'file_search',
        arguments: '{"queries":["When does the office close?"]}',
      },
      { type: 'finish', reason: 'tool_calls', usage: expect.anything() },
    ]);
  });

  it('searches with the text parts of a message, and cuts a very long one', async () => {
    const content = [
      { type: 'text' as const, text: 'vacation' },
      { type: 'text' as const, text: 'days '.repeat(5_000) },
    ];
    const [call] = await collect({
      messages: [{ role: 'user', content }],
      tools: [fileSearch],
      tool_choice: 'required',
    });
    const { queries } = JSON.parse(call?.type === 'tool_call' ? call.arguments : '');
    expect(queries).toHaveLength(1);
    expect(queries[0]).toHaveLength(1_000);
    expect(queries[0]).toMatch(/^vacation days/);
  });

  it.each([
    ['How many days of vacation do employees have?', '28 days of paid vacation'],
    ['What is paid back for food when travelling for work?', '45 euros a day'],
    ['Who approves requests for leave?', 'Dr. Weber approves all requests for leave, which must be handed in'],
    ['What keeps whiteflies away from tomatoes?', 'Basil grows well beside tomatoes'],
  ])('answers "%s" with a sentence that says so', async (question, expected) => {
    expect(await answer(question)).toContain(expected);
  });

  const till: Result[] = [
    {
      marker: '【4:0†RECEIPT-77.pdf】',
      filename: 'RECEIPT-77.pdf',
      score: 0.5,
      text: `GREENGROCER SMITH\n12 High Street\n\nCashier: Maria Lopez\nTill: 3\n--------\n4 apples 3.20\nDiscount -0.20\n--------\nTOTAL £3.00\n--------\nRETURN POLICY\nReturns within 14 days\nBring the bag`,
    },
    {
      marker: '【4:1†people.csv】',
      filename: 'people.csv',
      score: 0.4,
      text: '名前; 年齢; 住所\n名前: 佐藤太郎; 年齢: 30; 住所: 東京\n名前: 三木英子; 年齢: 25; 住所: 大阪',
    },
    {
      marker: '【4:2†settings.json】',
      filename: 'settings.json',
      score: 0.3,
      text: 'retries: 5\ntimeout: 30\nbase.url: /v1',
    },
    {
      marker: '【4:3†Skript.pdf】',
      filename: 'Skript.pdf',
      score: 0.2,
      text: 'Das Skript ist kostenlos. Es wurde im Winter 2013 von Anna Thoma geschrieben. Die Vorlesung hielt Dr. Herr.',
    },
    {
      marker: '【4:4†results.html】',
      filename: 'results.html',
      score: 0.1,
      text: '- who was acme founded by\n\nAcme was founded by Jo Park on 4 May 1985.\n\n- acme founded',
    },
  ];

  it.each([
    ['Who is the cashier on the Smith receipt?', 'Cashier: Maria Lopez'],
    ['What is the total of the Smith receipt?', 'TOTAL £3.00'],
    ['What is the return policy?', 'RETURN POLICY: Returns within 14 days'],
    ['How old is 三木英子?', '名前: 三木英子; 年齢: 25; 住所: 大阪'],
    ['What is the timeout in the JSON file?', 'timeout: 30'],
    ['Wer hat das Skript geschrieben?', 'von Anna Thoma geschrieben'],
    ['Who was Acme founded by?', 'Acme was founded by Jo Park on 4 May 1985.'],
  ])('answers "%s" with the line that says so', async (question, expected) => {
    expect(quotations(await answer(question, till))).toContainEqual(expect.stringContaining(expected));
  });

  it.each([
    'What is the capital of Mongolia?',
    'Who is the cashier at Walmart?',
    'What is the wifi password?',
    'Wie wird das Wetter morgen in Hamburg?',
    'Quel est le prix du billet pour Lyon ?',
  ])('does not answer "%s" with a line that shares a word', async (question) => {
    expect(await answer(question, till)).toBe('The documents that were searched do not answer this question.');
  });

  it('says nothing but sentences of the passages, at most four, each with the marker of its passage', async () => {
    for (const question of [
      'How many vacation days?',
      'What hours is the office open on Fridays?',
      'How much sun do tomatoes need?',
    ]) {
      const text = await answer(question);
      const parts = quotations(text);
      expect(parts.length).toBeGreaterThan(0);
      expect(parts.length).toBeLessThanOrEqual(4);
      const plain = (value: string) => value.replace(/\s+/g, ' ');
      for (const part of parts) {
        const source = results.find((result) => text.includes(part + result.marker));
        // The heading that stands before a sentence is put in front of it.
        expect(plain(source?.text ?? '')).toContain(part.replace(/^(Working hours|Holidays|Travel): /, ''));
      }
      expect(text.match(/【[^】]*】/g)).toHaveLength(parts.length);
    }
  });

  it.each([
    'Who won the football world cup in 1998?',
    'How do I bake sourdough bread?',
    'What is the boiling point of mercury?',
    'Which vaccines are needed for Kenya?',
    'Who wrote Moby Dick?',
    'How do I reset my password?',
  ])('says that the documents do not answer "%s"', async (question) => {
    expect(await answer(question)).toBe('The documents that were searched do not answer this question.');
  });

  it('says the same when the search found nothing', async () => {
    expect(await answer('When does the office close?', [])).toBe(
      'The documents that were searched do not answer this question.',
    );
  });

  it('quotes the beginning for a question about the document as a whole', async () => {
    expect(await answer('Can you summarize this document?')).toContain('The office is open from 8:30 to 18:00');
  });

  it('does not repeat a sentence that overlapping passages share', async () => {
    const twice = [...results, { marker: '【4:2†copy.md】', filename: 'copy.md', score: 0.8, text: handbook }];
    const text = await answer('How many days of paid vacation does an employee have?', twice);
    expect(text.match(/28 days/g)).toHaveLength(1);
  });

  it('streams small pieces and counts tokens', async () => {
    const events = await collect({
      messages: searched('How many vacation days do employees have?'),
      tools: [fileSearch],
    });
    const pieces = events.filter((event) => event.type === 'text');
    expect(pieces.length).toBeGreaterThan(2);
    expect(Math.max(...pieces.map(({ text }) => text.trim().split(/\s+/).length))).toBeLessThanOrEqual(4);
    const last = events.at(-1);
    const usage = last?.type === 'finish' ? last.usage : undefined;
    expect(last).toMatchObject({ type: 'finish', reason: 'stop' });
    expect(usage?.prompt_tokens).toBeGreaterThan(200);
    expect(usage?.completion_tokens).toBeGreaterThan(10);
    expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + (usage?.completion_tokens ?? 0));
    expect(events.filter(({ type }) => type === 'finish')).toHaveLength(1);
  });

  it('stops at max_completion_tokens', async () => {
    const events = await collect({
      messages: searched('How many vacation days do employees have?'),
      max_completion_tokens: 8,
    });
    expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'length' });
    const last = events.at(-1);
    expect(last?.type === 'finish' ? last.usage?.completion_tokens : undefined).toBeLessThanOrEqual(8);
    expect(textOf(events)).not.toBe('');
  });

  it('counts text that looks like a special token as text', async () => {
    const events = await collect({ messages: searched('<|endoftext|> vacation days <|im_start|>') });
    expect(events.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' });
  });

  it('says what it is when there is nothing to search', async () => {
    const question: ChatMessage[] = [{ role: 'user', content: 'Tell me a joke.' }];
    for (const request of [{ tools: [otherTool] }, {}, { tools: [fileSearch], tool_choice: 'none' as const }]) {
      const text = textOf(await collect({ messages: question, ...request }));
      expect(text).toContain(LOCAL_MODEL);
      expect(text).toContain('AZURE_OPENAI_ENDPOINT');
      expect(text).toContain('OPENAI_BASE_URL');
    }
  });

  it('searches again for a further question after an answer', async () => {
    const messages: ChatMessage[] = [
      ...searched('When does the office open?'),
      { role: 'assistant', content: 'At 8:30.' },
      { role: 'user', content: 'And tomatoes?' },
    ];
    const [call] = await collect({ messages, tools: [fileSearch] });
    expect(call).toMatchObject({ type: 'tool_call', arguments: '{"queries":["And tomatoes?"]}' });
  });

  it.each<[string, Partial<ChatRequest>]>([
    ['response_format', { response_format: { type: 'json_object' } }],
    ['response_format', { response_format: { type: 'json_schema', json_schema: {} } }],
    ['tool_choice', { tools: [otherTool], tool_choice: 'required' }],
    [
      'tool_choice',
      { tools: [otherTool, fileSearch], tool_choice: { type: 'function', function: { name: 'get_weather' } } },
    ],
    ['messages', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }] }],
    [
      'messages',
      { messages: [...searched('x').slice(0, 3), { role: 'tool', tool_call_id: 'call_1', content: 'no JSON' }] },
    ],
  ])('refuses what it cannot do, naming %s', async (field, request) => {
    const refused = collect({ messages: [{ role: 'user', content: 'Hello' }], ...request });
    await expect(refused).rejects.toMatchObject({
      name: 'ModelError',
      kind: 'invalid_request',
      message: expect.stringContaining(field),
    });
  });

  it('rejects with the reason of an aborted signal', async () => {
    const signal = AbortSignal.abort(new Error('the run was cancelled'));
    await expect(collect({ messages: searched('vacation') }, signal)).rejects.toThrow('the run was cancelled');
  });
});
