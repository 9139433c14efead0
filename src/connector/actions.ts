/**
 * The actions of the connector: those of the Azure AI Foundry Agent Service connector, with its operation ids, parameters and returned fields
 * (foundry-agent-connector.md 1 to 3), and those of this package.
 */
import type { DynamicValues, Field } from './fields';
import {
  agentFields,
  answerFields,
  dataFields,
  messageFields,
  responseFields,
  runFields,
  threadFields,
} from './returnedFields';
import { byName, newResponseFields, newRunFields, newThreadFields, questionFields, VERSION } from './sentFields';

/** A parameter of the path or the query. */
export interface Parameter {
  /** What the connector calls it. */
  name: string;
  in: 'path' | 'query';
  /** What the declaration calls it; absent for the api-version. */
  declaredAs?: string;
  title: string;
  description: string;
  default?: string;
  /** Sent without being shown. */
  isInternal?: boolean;
  dynamicValues?: DynamicValues;
}

export interface Action {
  operationId: string;
  /** The declared operation, `post /threads`, and where it lies below the project: '' or `/openai`. */
  declared: string;
  base?: string;
  summary: string;
  description: string;
  visibility?: 'important' | 'advanced';
  parameters: Parameter[];
  /** Absent: no body. Empty: an object whose fields are not told. */
  body?: Field[];
  /** The name of the answer's schema, and its fields; none: an object whose fields are not told. */
  returns: { name: string; fields: Field[] };
  /** Answered in place of 200 where it takes longer. */
  accepted?: string;
}

const apiVersion: Parameter = {
  name: 'api-version',
  in: 'query',
  title: 'API version',
  description: 'The version of the API.',
  default: VERSION,
};
/** Of the actions in which the connector fixes it. */
const fixedVersion: Parameter = { ...apiVersion, isInternal: true };
const threadId: Parameter = {
  name: 'ThreadId',
  in: 'path',
  declaredAs: 'thread_id',
  title: 'Thread',
  description: 'The id of the thread.',
};
const agentName: Parameter = {
  name: 'agent_name',
  in: 'path',
  declaredAs: 'agent_name',
  title: 'Agent',
  description: 'The agent, by its name; name:version for one of its versions.',
  dynamicValues: byName,
};
export const actions: Action[] = [
  {
    operationId: 'GetRun',
    declared: 'post /threads/{thread_id}/runs/{run_id}',
    summary: 'Get run',
    description: 'Gets a run, to see whether it has ended and how.',
    parameters: [
      apiVersion,
      threadId,
      { name: 'RunId', in: 'path', declaredAs: 'run_id', title: 'Run', description: 'The id of the run.' },
    ],
    returns: { name: 'getRunResponse', fields: runFields },
  },
  {
    operationId: 'SendActivity',
    declared: 'post /agents/{agent_id}/endpoint/protocols/activityprotocol',
    summary: 'Send an activity to an agent',
    description: 'Sends a Bot Framework activity to an agent and gets the activity that it replies with.',
    visibility: 'advanced',
    parameters: [
      fixedVersion,
      {
        name: 'AgentId',
        in: 'path',
        declaredAs: 'agent_id',
        title: 'Agent',
        description: 'The agent, by its name, or the id of an assistant.',
        dynamicValues: byName,
      },
    ],
    body: [],
    returns: { name: 'sendActivityResponse', fields: [] },
  },
  {
    operationId: 'SendActivityApplication',
    declared: 'post /applications/{application}/protocols/activityprotocol',
    summary: 'Send an activity to an agent application',
    description: 'Sends a Bot Framework activity to an agent application and gets the activity that it replies with.',
    visibility: 'advanced',
    parameters: [
      fixedVersion,
      {
        name: 'MyApplication',
        in: 'path',
        declaredAs: 'application',
        title: 'Application',
        description: 'The agent application, which has the name of its agent.',
        dynamicValues: byName,
      },
    ],
    body: [],
    returns: { name: 'sendActivityApplicationResponse', fields: [] },
  },
  {
    operationId: 'CreateThread',
    declared: 'post /threads',
    summary: 'Create thread',
    description: 'Creates a thread, a conversation that runs of agents work on.',
    parameters: [apiVersion],
    body: newThreadFields,
    returns: { name: 'createThreadResponse', fields: threadFields },
  },
  {
    operationId: 'CreateRun',
    declared: 'post /threads/{thread_id}/runs',
    summary: 'Create run',
    description: 'Has an agent work on a thread. Get run tells when it has ended.',
    parameters: [apiVersion, threadId],
    body: newRunFields,
    returns: { name: 'createRunResponse', fields: runFields },
  },
  {
    operationId: 'InvokeAgent',
    declared: 'post /responses',
    base: '/openai',
    summary: 'Invoke agent',
    description: 'Gives an agent an input and gets its response.',
    visibility: 'important',
    parameters: [apiVersion],
    body: newResponseFields,
    returns: { name: 'OpenAI.Response', fields: responseFields },
  },
  {
    operationId: 'ListAgents',
    declared: 'get /assistants',
    summary: 'List agents',
    description: 'Lists the agents that runs of threads use (assistants).',
    parameters: [apiVersion],
    returns: { name: 'listAgentsResponse', fields: dataFields },
  },
  {
    operationId: 'ListMessages',
    declared: 'get /threads/{thread_id}/messages',
    summary: 'List messages',
    description: 'Lists the messages of a thread, the newest first.',
    parameters: [apiVersion, threadId],
    returns: { name: 'listMessageResponse', fields: messageFields },
  },
  {
    operationId: 'ListAgentsFromService',
    declared: 'get /agents',
    summary: 'List agents by name',
    description: 'Lists the agents that Invoke agent and Ask use, by their names.',
    visibility: 'advanced',
    parameters: [apiVersion],
    returns: { name: 'listAgentsFromServiceResponse', fields: agentFields },
  },
  {
    operationId: 'Ask',
    declared: 'post /agents/{agent_name}/ask',
    summary: 'Ask an agent',
    description: 'Asks an agent, waits for its answer, and gets its text with what it cites.',
    visibility: 'important',
    parameters: [fixedVersion, agentName],
    body: questionFields,
    returns: { name: 'askResponse', fields: answerFields },
    accepted: 'The agent is still at work; Get answer tells the rest.',
  },
  {
    operationId: 'GetAnswer',
    declared: 'get /agents/{agent_name}/ask/{response_id}',
    summary: 'Get answer',
    description: 'Gets the answer to a question that took longer than it was waited for.',
    visibility: 'advanced',
    parameters: [
      fixedVersion,
      agentName,
      {
        name: 'response_id',
        in: 'path',
        declaredAs: 'response_id',
        title: 'Answer',
        description: 'The response_id of the question.',
      },
    ],
    returns: { name: 'getAnswerResponse', fields: answerFields },
    accepted: 'The agent is still at work.',
  },
];
