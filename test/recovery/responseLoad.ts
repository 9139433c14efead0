/** The load of the crash test of responses in the background: several shapes, the model and the MCP tool behind them, and clients that resume their streams. */
import type OpenAI from 'openai';
import { APIConnectionError, APIError } from 'openai';
import { setTimeout as sleep } from 'node:timers/promises';
import { faultsOfStream, isEnd, type StreamEvent } from '../support/responseStreams';
import { reply, type Reply, type ReplyHandler } from '../support/scriptedUpstream';

/** What the model does in one call. */
type Turn = 'search' | 'note' | 'text and note' | 'function' | 'answer';

interface Plan {
  /** Named in the input, so that the model knows whose turn it is. */
  name: string;
  turns: Turn[];
  streamed: boolean;
  /** The client cancels the response once it is under way. */
  cancelled: boolean;
}

const SHAPES: Turn[][] = [
  ['answer'],
  ['search', 'answer'],
  ['note', 'answer'],
  ['text and note', 'search', 'answer'],
  ['function'],
  ['search', 'note', 'function'],
];

export const planOf = (number: number): Plan => ({
  name: `load-${number}`,
  turns: SHAPES[number % SHAPES.length] ?? ['answer'],
  streamed: number % 4 !== 3,
  cancelled: number % 9 === 8,
});

const answerOf = ({ name }: Plan): string => `This is the whole answer to ${name}, at some length.`;
const textBefore = ({ name }: Plan): string => `Let me note ${name}.`;

/** A model that follows the plans, slowly enough to be killed in, and counts its calls by turn and life of the host. */
export function plannedModel(random: () => number): { handler: ReplyHandler; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const handler: ReplyHandler = (body, { kind, headers }) => {
    if (kind !== 'chat') return undefined;
    const messages = body.messages ?? [];
    const [asked = '', number] = /load-(\d+)#\d+/.exec(JSON.stringify(messages)) ?? [];
    const plan = planOf(Number(number));
    const turn = messages.filter((message) => message.role === 'assistant' && message.tool_calls).length;
    const call = `${asked}, turn ${turn}, ${String(headers.authorization)}`;
    calls.set(call, (calls.get(call) ?? 0) + 1);
    return reply.slow(random() * 200, turnReply(plan, { plan: asked, turn }, random));
  };
  return { handler, calls };
}

function turnReply(plan: Plan, args: { plan: string; turn: number }, random: () => number): Reply {
  const kind = plan.turns[args.turn];
  switch (kind) {
    case 'answer':
      return reply.text(answerOf(plan), { chunks: 10, delayMs: 20 + random() * 100 });
    case 'search':
      return reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]);
    case 'note':
      return reply.toolCalls([{ name: 'notes__note', arguments: args }]);
    case 'text and note':
      return reply.toolCalls([{ name: 'notes__note', arguments: args }], { text: textBefore(plan) });
    case 'function':
      return reply.toolCalls(['first', 'second'].map((which) => ({ name: 'ask', arguments: { ...args, which } })));
    default:
      return reply.status(400, { body: { error: { message: `${plan.name} has no turn ${args.turn}.` } } });
  }
}

const PATIENCE_MILLISECONDS = 120_000;
const POLL_MILLISECONDS = 150;

type Response = OpenAI.Responses.Response;

/** One client: makes a response and follows it to its end whatever becomes of the host. */
export class ResponseClient {
  id = '';
  /** What it has asked for last. What became of a request whose connection broke before its answer nobody knows: the client asks anew. */
  asked = '';
  private requests = 0;
  final: Response | undefined;
  readonly events: StreamEvent[] = [];
  /** Times that its stream broke. */
  breaks = 0;
  readonly statuses = new Set<string>();

  constructor(
    readonly plan: Plan,
    private readonly openai: OpenAI,
    private readonly tools: OpenAI.Responses.Tool[],
  ) {}

  async work(): Promise<void> {
    const body = () => {
      this.asked = `${this.plan.name}#${++this.requests}`;
      return { model: 'gpt', input: `Do ${this.asked}.`, tools: this.tools, background: true };
    };
    if (!this.plan.streamed) {
      const made = await this.retrying(async () => this.openai.responses.create(body()));
      this.id = made.id;
    }
    while (!this.id) await this.read(async () => this.openai.responses.create({ ...body(), stream: true }));
    const until = Date.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      if (this.plan.streamed && !this.events.some(isEnd)) {
        this.breaks += 1;
        const starting_after = this.events.length - 1;
        await this.read(async () => this.openai.responses.retrieve(this.id, { stream: true, starting_after }));
      }
      const now = await this.retrying(async () => this.openai.responses.retrieve(this.id));
      if (now.status !== 'queued' && now.status !== 'in_progress') {
        this.statuses.add(now.status ?? '');
        this.final = now;
        if (!this.plan.streamed || this.events.some(isEnd)) return;
      } else if (this.plan.cancelled) await this.cancel();
      if (Date.now() > until)
        throw new Error(`${this.plan.name} is ${now.status} for too long: ${JSON.stringify(now)}`);
      await sleep(POLL_MILLISECONDS);
    }
  }

  private async read(open: () => Promise<AsyncIterable<StreamEvent>>): Promise<void> {
    try {
      for await (const event of await open()) {
        if (event.type === 'error') throw new Error(`${this.plan.name}: ${event.message}`);
        this.events.push(event);
        if ('response' in event) this.id = event.response.id;
        if (this.plan.cancelled && event.type === 'response.output_text.delta') await this.cancel();
      }
    } catch (error) {
      if (!isAway(error)) throw error;
      await sleep(POLL_MILLISECONDS);
    }
  }

  private async cancel(): Promise<void> {
    await this.openai.responses.cancel(this.id).catch((error: unknown) => {
      if (!isAway(error) && !(error instanceof APIError && error.status === 400)) throw error;
    });
  }

  private async retrying<T>(request: () => Promise<T>): Promise<T> {
    const until = Date.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      try {
        return await request();
      } catch (error) {
        if (!isAway(error) || Date.now() > until) throw error;
        await sleep(POLL_MILLISECONDS);
      }
    }
  }
}

/** The host died: its connection was refused, or broke, or the next one answers 503 while it loads the package. */
const isAway = (error: unknown): boolean =>
  error instanceof APIConnectionError ||
  (error instanceof APIError && error.status === 503) ||
  /^TypeError: (terminated|fetch failed)/.test(String(error));

/** What is wrong with a client's response; `notes` are the calls of the MCP tool by plan and turn. */
export function faultsOf(
  { plan, asked, final, events, statuses }: ResponseClient,
  notes: Map<string, number>,
): string[] {
  const faults: string[] = [];
  const check = (isRight: boolean, what: string, found: unknown): void => {
    if (!isRight) faults.push(`${plan.name} (${plan.turns.join(', ')}): ${what}: ${JSON.stringify(found)}`);
  };
  const output = final?.output ?? [];
  const { status } = final ?? {};
  check(status === 'completed' || (plan.cancelled && status === 'cancelled'), 'it ended well', final);
  check([...statuses].join() === status, 'it has one terminal status', [...statuses]);
  if (plan.streamed) {
    const wrong = faultsOfStream(events);
    check(wrong.length === 0, 'its stream is whole', wrong);
    check(events.at(-1)?.type === `response.${status}`, 'its stream tells its end', events.at(-1)?.type);
  }
  check(!output.some((item) => 'status' in item && item.status === 'in_progress'), 'no item is left open', output);
  const called = output.flatMap((item) => (item.type === 'mcp_call' && item.status !== 'incomplete' ? [item] : []));
  plan.turns.forEach((turn, index) => {
    if (!turn.endsWith('note')) return;
    const times = notes.get(`${asked}, ${index}`) ?? 0;
    check(times <= 1, 'a note is taken once', times);
    const item = called.find(({ arguments: given }) => given.includes(`"turn":${index}`));
    if (item?.status === 'completed') check(times === 1, 'a call that is complete took effect', item);
  });
  if (status !== 'completed') return faults;
  const whole = output.filter((item) => !('status' in item && item.status === 'incomplete'));
  const count = (type: string): number => whole.filter((item) => item.type === type).length;
  const turns = (kind: string): number => plan.turns.filter((turn) => turn.endsWith(kind)).length;
  check(count('file_search_call') === turns('search'), 'each search is one item', output);
  check(count('mcp_call') === turns('note'), 'each note is one item', output);
  check(count('function_call') === 2 * turns('function'), 'functions are called once', output);
  const texts = plan.turns.flatMap((turn) =>
    turn === 'answer' ? [answerOf(plan)] : turn === 'text and note' ? [textBefore(plan)] : [],
  );
  // A text whose turn of the model was broken off behind it is said again.
  const said = whole
    .flatMap((item) => (item.type === 'message' ? item.content : []))
    .map((part) => ('text' in part ? part.text : ''));
  check(
    said.filter((text, index) => text !== said[index - 1]).join() === texts.join(),
    'it says what the model said',
    said,
  );
  return faults;
}
