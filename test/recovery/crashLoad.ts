/** The load of the crash test: runs of several shapes, the model that answers them, and clients that behave as real ones do. */
import type OpenAI from 'openai';
import { APIConnectionError, APIError } from 'openai';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChatMessage } from '../../src/models/ports';
import { reply, type Reply, type ReplyHandler } from '../support/scriptedUpstream';

/** What the model does in one call: it searches, calls two functions (after a text, or not), or answers. */
type Turn = 'search' | 'functions' | 'text and functions' | 'answer';

export interface Plan {
  /** Named in the question, so that the model knows whose turn it is. */
  name: string;
  turns: Turn[];
  streamed: boolean;
  /** The client cancels the run once it is under way. */
  cancelled: boolean;
  /** The client of a streamed run leaves each stream once a text begins, and polls. */
  leaves?: boolean;
}

const SHAPES: Turn[][] = [
  ['answer'],
  ['search', 'answer'],
  ['functions', 'answer'],
  ['search', 'functions', 'answer'],
  ['functions', 'functions', 'answer'],
  ['text and functions', 'search', 'answer'],
];

/** The plan of run number `number`: all shapes in turn, streamed and polled; one of nine is cancelled. */
export const planOf = (number: number): Plan => ({
  name: `load-${number}`,
  turns: SHAPES[number % SHAPES.length] ?? ['answer'],
  streamed: Math.floor(number / SHAPES.length) % 2 === 0,
  cancelled: number % 9 === 8,
});

export const answerOf = ({ name }: Plan): string => `This is the whole answer to ${name}, at some length.`;
const textBefore = ({ name }: Plan): string => `Let me look at ${name}.`;
/** The texts that a completed run leaves, in order. */
export const textsOf = (plan: Plan): string[] =>
  plan.turns.flatMap((turn) =>
    turn === 'answer' ? [answerOf(plan)] : turn === 'text and functions' ? [textBefore(plan)] : [],
  );

/**
 * A model that follows the plans, slowly enough to be killed in, and counts its calls by run, turn and life of the host. Calls that it `holdsBack` are
 * never answered.
 */
export function plannedModel(
  random: () => number,
  holdsBack: (call: string, plan: Plan) => boolean = () => false,
): { handler: ReplyHandler; calls: Map<string, number> } {
  const calls = new Map<string, number>();
  const handler: ReplyHandler = (body, { kind, headers }) => {
    if (kind !== 'chat') return undefined;
    const messages = body.messages ?? [];
    const plan = planOf(Number(/load-(\d+)/.exec(JSON.stringify(messages))?.[1]));
    const turn = messages.filter((message) => message.role === 'assistant' && message.tool_calls).length;
    const life = String(headers.authorization);
    const call = `${plan.name}, turn ${turn}, ${life}`;
    calls.set(call, (calls.get(call) ?? 0) + 1);
    if (holdsBack(call, plan)) return reply.hang();
    return reply.slow(random() * 200, turnReply(plan, turn, messages.at(-1), random));
  };
  return { handler, calls };
}

function turnReply(plan: Plan, turn: number, last: ChatMessage | undefined, random: () => number): Reply {
  const kind = plan.turns[turn];
  if (kind === undefined)
    return reply.status(400, { body: { error: { message: `${plan.name} has no turn ${turn}.` } } });
  if (kind === 'answer') return reply.text(answerOf(plan), { chunks: 8, delayMs: 10 + random() * 60 });
  if (kind === 'search') return reply.toolCalls([{ name: 'file_search', arguments: { queries: ['otters sleep'] } }]);
  // A text that is stored already stands behind the question, and a model goes on behind it.
  const said = last?.role === 'assistant' || kind === 'functions';
  const calls = ['first', 'second'].map((which) => ({ name: 'note', arguments: { which, turn } }));
  return reply.toolCalls(calls, said ? {} : { text: textBefore(plan) });
}

export const noteTool: OpenAI.Beta.AssistantTool = {
  type: 'function',
  function: { name: 'note', parameters: { type: 'object', properties: { which: { type: 'string' } } } },
};

type Run = OpenAI.Beta.Threads.Run;
type Event = OpenAI.Beta.AssistantStreamEvent;

const TERMINAL = ['completed', 'failed', 'cancelled', 'expired', 'incomplete'];
/** Longer than any run is left alone after a crash. */
const PATIENCE_MILLISECONDS = 120_000;
const POLL_MILLISECONDS = 150;

/** What a client has seen of its run. */
class Seen {
  readonly statuses = new Set<string>();
  /** Groups of tool calls that it was asked for: their ids, and what each is about. */
  readonly asked = new Map<string, string>();
  /** Groups whose outputs the host has acknowledged, asked for once more. */
  readonly askedAgain: string[] = [];
  readonly acknowledged = new Set<string>();
  /** Terminal events in streams. */
  ends = 0;
}

/** One client: makes a thread and its run, follows it to its end whatever becomes of the host, and hands in outputs. */
export class LoadClient {
  readonly seen = new Seen();
  threadId = '';
  runId = '';

  constructor(
    readonly plan: Plan,
    private readonly openai: OpenAI,
    private readonly assistantId: string,
  ) {}

  async work(): Promise<void> {
    const thread = await this.retrying(async () =>
      this.openai.beta.threads.create({ messages: [{ role: 'user', content: `Do ${this.plan.name}.` }] }),
    );
    this.threadId = thread.id;
    const params = { assistant_id: this.assistantId };
    if (this.plan.streamed)
      await this.follow(async () => this.openai.beta.threads.runs.create(this.threadId, { ...params, stream: true }));
    if (!this.runId) await this.begin(params);
    await this.poll();
  }

  /** Whether the run was made before the connection broke is only known from the list of runs. */
  private async begin(params: { assistant_id: string }): Promise<void> {
    const run = await this.retrying(async () => {
      const [made] = (await this.openai.beta.threads.runs.list(this.threadId)).data;
      return made ?? (await this.openai.beta.threads.runs.create(this.threadId, params));
    });
    this.runId = run.id;
  }

  private async poll(): Promise<void> {
    const until = Date.now() + PATIENCE_MILLISECONDS;
    for (;;) {
      const run = await this.retrying(async () =>
        this.openai.beta.threads.runs.retrieve(this.runId, { thread_id: this.threadId }),
      );
      if (TERMINAL.includes(run.status)) {
        this.seen.statuses.add(run.status);
        return;
      }
      if (run.status === 'requires_action') await this.handIn(run);
      else if (this.plan.cancelled && run.status === 'in_progress') await this.cancel();
      if (Date.now() > until)
        throw new Error(`${this.plan.name} is ${run.status} for too long: ${JSON.stringify(run)}`);
      await sleep(POLL_MILLISECONDS);
    }
  }

  /** Reads a stream to its end, or to where it breaks. */
  private async follow(open: () => Promise<AsyncIterable<Event>>): Promise<void> {
    try {
      for await (const event of await open()) {
        await this.take(event);
        if (this.plan.leaves && event.event === 'thread.message.delta') return;
      }
    } catch (error) {
      if (!isAway(error)) throw error;
    }
  }

  private async take({ event, data }: Event): Promise<void> {
    if (event === 'thread.run.created') this.runId = data.id;
    if (event === 'thread.run.requires_action') await this.handIn(data);
    if (event === 'thread.message.delta' && this.plan.cancelled) await this.cancel();
    const status = event.replace('thread.run.', '');
    if (!TERMINAL.includes(status)) return;
    this.seen.statuses.add(status);
    this.seen.ends += 1;
  }

  private async cancel(): Promise<void> {
    await this.openai.beta.threads.runs.cancel(this.runId, { thread_id: this.threadId }).catch((error: unknown) => {
      // The run ended before, or the next look tries again.
      if (!isAway(error) && !isRefusal(error)) throw error;
    });
  }

  private async handIn(run: Run): Promise<void> {
    const calls = run.required_action?.submit_tool_outputs.tool_calls ?? [];
    const ids = calls.map(({ id }) => id).join(' ');
    if (this.seen.acknowledged.has(ids)) this.seen.askedAgain.push(ids);
    this.seen.asked.set(ids, calls.map((call) => call.function.arguments).join(' '));
    const tool_outputs = calls.map(({ id }) => ({ tool_call_id: id, output: `noted ${id}` }));
    const params = { thread_id: this.threadId, tool_outputs };
    const { runs } = this.openai.beta.threads;
    if (this.plan.streamed) {
      await this.follow(async () => {
        const stream = await runs.submitToolOutputs(this.runId, { ...params, stream: true }).catch(ended);
        if (stream) this.seen.acknowledged.add(ids);
        return stream ?? nothing();
      });
      return;
    }
    const answer = await runs.submitToolOutputs(this.runId, params).catch((error: unknown) => {
      if (!isAway(error)) return ended(error);
      return undefined;
    });
    if (answer) this.seen.acknowledged.add(ids);
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

async function* nothing(): AsyncIterable<Event> {}

const isRefusal = (error: unknown): boolean => error instanceof APIError && error.status === 400;
/** Undefined for a run that takes no outputs any more: those of a broken request had arrived, or the run has ended. */
function ended(error: unknown): undefined {
  if (!isRefusal(error)) throw error;
}

/**
 * The host died: its connection was refused, or broke, or the next one answers 503 while it loads the package. Node says of a body that
 * breaks off: `TypeError: terminated`.
 */
const isAway = (error: unknown): boolean =>
  error instanceof APIConnectionError ||
  (error instanceof APIError && error.status === 503) ||
  /^TypeError: (terminated|fetch failed)/.test(String(error));
