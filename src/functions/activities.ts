/** The activity protocol of Foundry's agents: channels of bots, and the connector, talk to them. */
import { services } from '../app';
import { operation, pathParams, type Call, type Operation } from '../http/operation';
import { checkChannel } from '../identity/channelTokens';
import { activity, activityAnswer, type Activity, type ActivityAnswer } from '../wire/activities';
import { orModelError } from './modelCall';

const shared = {
  method: 'post',
  role: 'user',
  takesChannelTokens: true,
  apiVersionOptional: true,
  body: activity,
  response: activityAnswer,
} as const;

/** The answer goes on where the caller leaves: channels deliver an activity again that takes long, and then get the reply. */
async function received(
  { principal, scope, body }: Call<unknown, unknown, Activity>,
  agent: string,
): Promise<ActivityAnswer> {
  checkChannel(principal, body);
  return orModelError((await services()).activities.receive(scope, agent, body));
}

export const agentActivity: Operation = operation({
  ...shared,
  path: '/agents/{agent_id}/endpoint/protocols/activityprotocol',
  summary: 'Send an activity to an agent',
  params: pathParams('agent_id'),
  handle: async (call) => received(call, call.params.agent_id),
});

/** Agents that were published as applications: one goes by the name of its agent. */
export const applicationActivity: Operation = operation({
  ...shared,
  path: '/applications/{application}/protocols/activityprotocol',
  summary: 'Send an activity to an agent application',
  params: pathParams('application'),
  handle: async (call) => received(call, call.params.application),
});
