/**
 * The OpenAI protocol of one agent, as `getOpenAIClient` of `@azure/ai-projects` reaches it by the agent's name: responses that the agent answers, and the
 * conversations of its project.
 */
import { z } from 'zod';
import { services } from '../app';
import { errors } from '../errors';
import type { Operation } from '../http/operation';

const ENDPOINT = '/agents/{agent_name}/endpoint/protocols/openai';
const params = z.object({ agent_name: z.string().min(1) });
const body = z.record(z.string(), z.unknown());

/** At the address of an agent that is there. What is stored belongs to the project, so the name leads there and no further. */
const atAgent = ({ number: _number, ...known }: Operation): Operation => ({
  ...known,
  path: ENDPOINT + known.path,
  summary: `${known.summary} by an agent's address`,
  params: known.params.extend(params.shape),
  handle: async (call) => {
    const { agent_name: name } = params.parse(call.params);
    await (await services()).agents.resolve(call.scope, { name });
    return known.handle(call);
  },
  instead: () => {
    const other = known.instead?.();
    return other && atAgent(other);
  },
});

/** The agent of the path answers. Throws 400 `unsupported` where the request names one itself. */
const byAgent = (create: Operation): Operation => ({
  ...create,
  handle: async (call) => {
    const given = body.parse(call.body);
    for (const field of ['agent', 'agent_reference'])
      if (given[field] != null) throw errors.unsupported(field, 'The agent is that of the path.');
    const { agent_name: name } = params.parse(call.params);
    return create.handle({ ...call, body: { ...given, agent: { type: 'agent_reference', name } } });
  },
  instead: () => {
    const other = create.instead?.();
    return other && byAgent(other);
  },
});

/** Those operations at the address of an agent, who answers what creates a response; others of `/responses` that take a request are left out. */
export const atAgentsAddress = (operations: Operation[]): Operation[] =>
  operations
    .filter(({ path }) => !/^\/responses\/(input_tokens|compact)$/.test(path))
    .map((known) => atAgent(known.method === 'post' && known.path === '/responses' ? byAgent(known) : known));
