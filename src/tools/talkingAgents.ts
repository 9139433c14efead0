/** The agents that channels talk to: those of responses by their names, and assistants by their ids. */
import type { TakenTurn, TalkingAgents, Turn } from '../activities/ports';
import type { Agents } from '../agents/agents';
import { namedAgent } from '../agents/namedAgent';
import type { Assistants } from '../assistants/assistants';
import { citedMessages } from '../assistants/citedMessages';
import { driveRun, type Advance } from '../assistants/driveRun';
import type { RunReference } from '../assistants/threadRecords';
import type { Runs } from '../assistants/runs';
import type { Threads } from '../assistants/threads';
import { ApiError, errors } from '../errors';
import { citedResponse } from '../responses/citedResponse';
import { silent } from '../responses/responseEvents';
import type { Responses } from '../responses/responses';
import type { CreateMessageRequest } from '../wire/threads';

/** What the two kinds of agents are made of. */
export interface TalkingAgentsPorts {
  agents: Pick<Agents, 'getVersion'>;
  responses: Pick<Responses, 'prepare' | 'answer' | 'get'>;
  assistants: Pick<Assistants, 'get'>;
  threads: Pick<Threads, 'get' | 'listMessages' | 'withQuotes'>;
  runs: Pick<Runs, 'create' | 'createWithThread' | 'cancel'>;
  advance: Advance;
}

/** More messages than a run writes. */
const MAX_MESSAGES = 100;

const isAssistant = (agent: string): boolean => agent.startsWith('asst_');

/** Agents of both kinds, told apart by the id. */
export function talkingAgents(ports: TalkingAgentsPorts): TalkingAgents {
  return {
    async check(scope, agent) {
      if (isAssistant(agent)) await ports.assistants.get(scope, agent);
      else await ports.agents.getVersion(scope, namedAgent(agent));
    },
    take: async (turn) => (isAssistant(turn.agent) ? run(ports, turn) : respond(ports, turn)),
  };
}

/** Answers by a response that continues the one before. */
async function respond({ responses }: TalkingAgentsPorts, turn: Turn): Promise<TakenTurn> {
  const { scope, agent, text, images } = turn;
  const at = await ifThere(turn.at, async (id) => responses.get(scope, id));
  const prepared = await responses.prepare(scope, {
    agent: { type: 'agent_reference', ...namedAgent(agent) },
    previous_response_id: at,
    input: [
      {
        type: 'message',
        role: 'user',
        content: [
          ...(text ? [{ type: 'input_text' as const, text }] : []),
          ...images.map((image_url) => ({ type: 'input_image' as const, image_url, detail: 'auto' as const })),
        ],
      },
    ],
  });
  const response = await responses.answer(prepared, silent, new AbortController().signal);
  const answer = citedResponse(response);
  // A response that waits for its caller cannot be continued by words.
  return { ...answer, at: answer.status === 'requires_action' ? at : response.id };
}

/** Answers by a run on the conversation's thread. The ids come from the turn, so that one which is taken again after a crash finds its run. */
async function run(ports: TalkingAgentsPorts, { scope, agent, text, images, at, key }: Turn): Promise<TakenTurn> {
  const { threads, runs, advance } = ports;
  const runId = `run_${key.slice(0, 24)}`;
  const there = await ifThere(at, async (id) => threads.get(scope, id));
  const message: CreateMessageRequest = {
    role: 'user',
    content: [
      ...(text ? [{ type: 'text' as const, text }] : []),
      ...images.map((url) => ({ type: 'image_url' as const, image_url: { url } })),
    ],
  };
  const body = { assistant_id: agent };
  const threadId = there ?? `thread_${key.slice(24, 48)}`;
  if (there === null)
    await runs.createWithThread(scope, { ...body, thread: { messages: [message] } }, { threadId, runId });
  else await runs.create(scope, threadId, { ...body, additional_messages: [message] }, { runId });
  const reference: RunReference = { scope, threadId, runId };
  const ended = await driveRun(advance, reference);
  if (!ended) throw errors.noRun(runId);
  const { data } = await threads.listMessages(scope, threadId, { order: 'asc', limit: MAX_MESSAGES }, runId);
  const answer = citedMessages(ended, await threads.withQuotes(scope, data));
  if (ended.status === 'requires_action') await giveUp(ports, reference);
  return { ...answer, at: threadId };
}

/** Ends a run whose action nobody can take, so that it does not lock the thread. */
async function giveUp({ runs, advance }: TalkingAgentsPorts, reference: RunReference): Promise<void> {
  await runs.cancel(reference);
  await driveRun(advance, reference);
}

/** The id, or null where what it names was deleted: the conversation then begins anew. */
async function ifThere(id: string | null, read: (id: string) => Promise<unknown>): Promise<string | null> {
  if (id === null) return null;
  try {
    await read(id);
    return id;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}
