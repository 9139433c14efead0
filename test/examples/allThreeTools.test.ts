/** An assistant with all three tools: it looks a price up in a file, computes with it in Python, and orders through the program. */
import type OpenAI from 'openai';
import { contractSuite, sdks } from '../support/contractSuite';
import { reply } from '../support/scriptedUpstream';

interface Order {
  item: string;
  total: number;
}

/** Orders apples as the user asks; what was ordered, the answer, and the file that the code wrote. */
async function orderApples(client: OpenAI, place: (order: Order) => string) {
  const { assistants, threads } = client.beta;
  const store = await client.vectorStores.create({ name: 'Prices' });
  await client.vectorStores.files.uploadAndPoll(
    store.id,
    new File(['A crate of apples costs 12 euros.'], 'prices.txt'),
  );
  const stock = await client.files.create({
    file: new File(['item,crates\napples,4\n'], 'stock.csv'),
    purpose: 'assistants',
  });
  const assistant = await assistants.create({
    model: 'gpt-4.1',
    tools: [
      { type: 'file_search' },
      { type: 'code_interpreter' },
      {
        type: 'function',
        function: {
          name: 'place_order',
          parameters: { type: 'object', properties: { item: { type: 'string' }, total: { type: 'number' } } },
        },
      },
    ],
    tool_resources: { file_search: { vector_store_ids: [store.id] }, code_interpreter: { file_ids: [stock.id] } },
  });
  const thread = await threads.create({ messages: [{ role: 'user', content: 'Fill the stock of apples up to 10.' }] });

  let run = await threads.runs.createAndPoll(thread.id, { assistant_id: assistant.id });
  while (run.status === 'requires_action') {
    const calls = run.required_action?.submit_tool_outputs.tool_calls ?? [];
    const tool_outputs = calls.map(({ id, function: { arguments: given } }) => ({
      tool_call_id: id,
      output: place(JSON.parse(given) as Order),
    }));
    run = await threads.runs.submitToolOutputsAndPoll(run.id, { thread_id: thread.id, tool_outputs });
  }
  if (run.status !== 'completed') throw new Error(`The run ended as ${run.status}: ${run.last_error?.message}`);

  const [answer] = (await threads.messages.list(thread.id, { run_id: run.id })).data;
  const part = answer?.content.find((content) => content.type === 'text');
  const steps = (await threads.runs.steps.list(run.id, { thread_id: thread.id, order: 'asc' })).data;
  const written = part?.text.annotations.find((note) => note.type === 'file_path');
  if (part === undefined || written === undefined) throw new Error('The answer links no file.');
  const receipt = await (await client.files.content(written.file_path.file_id)).text();
  return { text: part.text.value, link: written, receipt, steps };
}

const suite = contractSuite();

it.each(sdks)(
  'searches, computes and calls the program in one run (%s)',
  async (sdk) => {
    const code = [
      'import csv',
      "have = {row['item']: int(row['crates']) for row in csv.DictReader(open('/mnt/data/stock.csv'))}",
      "total = (10 - have['apples']) * 12",
      "open('/mnt/data/receipt.txt', 'w').write(f'apples: {total} euros')",
      'print(total)',
    ].join('\n');
    suite.upstream.enqueue(
      reply.toolCalls([{ name: 'file_search', arguments: { queries: ['price of apples'] } }]),
      reply.toolCalls([{ name: 'code_interpreter', arguments: { code } }]),
      reply.toolCalls([{ name: 'place_order', arguments: { item: 'apples', total: 72 } }]),
      reply.text('Ordered for 72 euros: [receipt](sandbox:/mnt/data/receipt.txt).'),
    );
    const orders: Order[] = [];
    const { text, link, receipt, steps } = await orderApples(suite.client(sdk), (order) => {
      orders.push(order);
      return 'ordered';
    });
    expect(orders).toEqual([{ item: 'apples', total: 72 }]);
    expect(receipt).toBe('apples: 72 euros');
    expect(text.slice(link.start_index, link.end_index)).toBe('sandbox:/mnt/data/receipt.txt');
    const calls = steps.flatMap(({ step_details: details }) =>
      details.type === 'tool_calls' ? details.tool_calls : [],
    );
    expect(calls.map(({ type }) => type)).toEqual(['file_search', 'code_interpreter', 'function']);
    const ran = calls.find((call) => call.type === 'code_interpreter');
    expect(ran?.code_interpreter).toEqual({ input: code, outputs: [{ type: 'logs', logs: '72\n' }] });
    // What the code printed reached the model.
    const chats = suite.upstream.requests.filter(({ kind }) => kind === 'chat');
    expect(JSON.stringify(chats[2]?.body.messages?.at(-1))).toContain('72');
  },
  60_000,
);
