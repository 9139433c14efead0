/**
 * The actions of the connector: those of the Azure AI Foundry Agent Service connector, with its operation ids, parameters and returned fields
 * (foundry-agent-connector.md 1 to 3), and those of this package.
 */
import type { DynamicValues, Field } from './fields';
import { agentFields, dataFields, messageFields, responseFields, runFields, threadFields } from './returnedFields';

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

/** The only one that the connector's own client sends. */
const VERSION = '2025-11-15-preview';

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
const byName: DynamicValues = {
  operationId: 'ListAgentsFromService',
  'value-collection': 'data',
  'value-path': 'name',
  'value-title': 'name',
  parameters: { 'api-version': VERSION },
};
const agentName: Parameter = {
  name: 'agent_name',
  in: 'path',
  declaredAs: 'agent_name',
  title: 'Agent',
  description: 'The agent, by its name; name:version for one of its versions.',
  dynamicValues: byName,
};
const metadata = (path: string, of: string): Field => ({
  path,
  title: 'Metadata',
  description: `Up to 16 pairs that are kept with the ${of}: keys of at most 64, values of at most 512 characters.`,
  type: 'object',
  visibility: 'advanced',
});

/** The messages that go in with a thread or a run. */
const messages = (path: string, title: string): Field[] => [
  { path, title, description: 'Messages to add to the thread.', visibility: 'important' },
  { path: `${path}[].role`, title: 'Role', description: 'Who says it: user or assistant.' },
  { path: `${path}[].content`, title: 'Content', description: 'The text.', type: 'string' },
  { path: `${path}[].attachments`, title: 'Attachments', description: 'Files that the run can use.' },
  {
    path: `${path}[].attachments[].name`,
    title: 'File',
    description: 'The id of a file.',
    own: { type: 'string' },
  },
  metadata(`${path}[].metadata`, 'message'),
];

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
    body: [
      ...messages('messages', 'Messages'),
      metadata('metadata', 'thread'),
      {
        path: 'tool_resources',
        title: 'Tool resources',
        description: 'Files for code_interpreter and vector stores for file_search, by their ids.',
        type: 'object',
        visibility: 'advanced',
      },
    ],
    returns: { name: 'createThreadResponse', fields: threadFields },
  },
  {
    operationId: 'CreateRun',
    declared: 'post /threads/{thread_id}/runs',
    summary: 'Create run',
    description: 'Has an agent work on a thread. Get run tells when it has ended.',
    parameters: [apiVersion, threadId],
    body: [
      {
        path: 'assistant_id',
        title: 'Agent',
        description: 'The agent that works on the thread.',
        required: true,
        visibility: 'important',
        dynamicValues: {
          operationId: 'ListAgents',
          'value-collection': 'data',
          'value-path': 'id',
          'value-title': 'name',
          parameters: { 'api-version': VERSION },
        },
      },
      {
        path: 'model',
        title: 'Model',
        description: 'The deployment to use in place of that of the agent.',
        visibility: 'advanced',
      },
      {
        path: 'instructions',
        title: 'Instructions',
        description: 'Instructions in place of those of the agent.',
        visibility: 'advanced',
      },
      {
        path: 'additional_instructions',
        title: 'Additional instructions',
        description: 'Instructions behind those of the agent.',
      },
      ...messages('additional_messages', 'Additional messages'),
      { path: 'tools', title: 'Tools', description: 'The tools that the run may use.', visibility: 'advanced' },
      {
        path: 'tools[].name',
        title: 'Tool',
        description: 'The type of a tool of the agent, or the name of a function.',
        type: 'string',
      },
      metadata('metadata', 'run'),
      {
        path: 'temperature',
        title: 'Temperature',
        description: 'From 0, always alike, to 2, very free.',
        visibility: 'advanced',
      },
      {
        path: 'top_p',
        title: 'Top P',
        description: 'Which share of the likely words is looked at, in place of the temperature.',
        visibility: 'advanced',
      },
      {
        path: 'stream',
        title: 'Stream',
        description: 'Whether the answer is a stream of events.',
        visibility: 'advanced',
      },
      {
        path: 'max_prompt_tokens',
        title: 'Maximum prompt tokens',
        description: 'The run ends incomplete past so many tokens that it reads.',
        visibility: 'advanced',
      },
      {
        path: 'max_completion_tokens',
        title: 'Maximum completion tokens',
        description: 'The run ends incomplete past so many tokens that it writes.',
        visibility: 'advanced',
      },
      {
        path: 'truncation_strategy',
        title: 'Truncation strategy',
        description: 'How a long thread is cut.',
        type: 'object',
        visibility: 'advanced',
      },
      {
        path: 'tool_choice',
        title: 'Tool choice',
        description: 'Which tool is called, as an object with its type.',
        type: 'object',
        visibility: 'advanced',
      },
      {
        path: 'response_format',
        title: 'Response format',
        description: 'The form of the answer, such as { "type": "json_object" }.',
        type: 'object',
        visibility: 'advanced',
      },
    ],
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
    body: [
      { path: 'agent', title: 'Agent', description: 'The agent that answers.', type: 'object' },
      {
        path: 'agent.type',
        title: 'Type',
        description: 'How the agent is named: agent_reference.',
        required: true,
        default: 'agent_reference',
        visibility: 'important',
      },
      {
        path: 'agent.name',
        title: 'Agent name',
        description: 'The name of the agent.',
        required: true,
        visibility: 'important',
        dynamicValues: byName,
      },
      {
        path: 'agent.version',
        title: 'Agent version',
        description: 'The version of the agent; latest for the newest.',
        required: true,
        default: 'latest',
        visibility: 'important',
      },
      {
        path: 'input',
        title: 'Input',
        description: 'What is said to the agent: a text, or a list of items with texts, pictures and files.',
        type: 'any',
        visibility: 'important',
      },
      { path: 'conversation', title: 'Conversation', description: 'A conversation that goes on.', type: 'object' },
      { path: 'conversation.id', title: 'Conversation id', description: 'The id of the conversation.' },
      {
        path: 'previous_response_id',
        title: 'Previous response',
        description: 'The id of a response that goes on.',
      },
      {
        path: 'instructions',
        title: 'Instructions',
        description: 'A system message, for this response alone; those of the agent go before.',
        visibility: 'advanced',
      },
      metadata('metadata', 'response'),
      {
        path: 'user',
        title: 'User',
        description: 'Who asks, so that abuse can be traced.',
        visibility: 'advanced',
      },
      {
        path: 'top_logprobs',
        title: 'Top log probabilities',
        description: 'How many likely words are told at each place.',
        visibility: 'advanced',
      },
      {
        path: 'background',
        title: 'Background',
        description: 'Whether the response is made in the background.',
        visibility: 'advanced',
      },
      {
        path: 'max_output_tokens',
        title: 'Maximum output tokens',
        description: 'How many tokens may be written, reasoning included.',
        visibility: 'advanced',
      },
      {
        path: 'max_tool_calls',
        title: 'Maximum tool calls',
        description: 'How often built-in tools may be called.',
        visibility: 'advanced',
      },
      { path: 'text', title: 'Text', description: 'The form of the text.', type: 'object', visibility: 'advanced' },
      { path: 'text.format', title: 'Format', description: 'The format of the text.', type: 'object' },
      {
        path: 'text.format.type',
        title: 'Format type',
        description: 'Plain text, or JSON.',
        required: true,
      },
      { path: 'tools', title: 'Tools', description: 'The tools that may be used.', visibility: 'advanced' },
      { path: 'tools[].type', title: 'Tool type', description: 'The type of the tool.', required: true },
      {
        path: 'tool_choice',
        title: 'Tool choice',
        description: 'Which tool is called.',
        type: 'any',
        visibility: 'advanced',
      },
      { path: 'prompt', title: 'Prompt', description: 'A prompt template.', type: 'object', visibility: 'advanced' },
      { path: 'prompt.id', title: 'Prompt id', description: 'The id of the template.', required: true },
      { path: 'prompt.version', title: 'Prompt version', description: 'The version of the template.' },
      { path: 'prompt.variables', title: 'Prompt variables', description: 'What is put in.', type: 'object' },
      {
        path: 'truncation',
        title: 'Truncation',
        description: 'auto: what is too long is cut in the middle; disabled: it is refused.',
        visibility: 'advanced',
      },
      { path: 'include', title: 'Include', description: 'What else the answer holds.', visibility: 'advanced' },
      { path: 'include[]', title: 'Included', description: 'A part of the answer.' },
      {
        path: 'parallel_tool_calls',
        title: 'Parallel tool calls',
        description: 'Whether several tools may be called at once.',
        visibility: 'advanced',
      },
      {
        path: 'store',
        title: 'Store',
        description: 'Whether the response is kept, so that it can be read and go on.',
        visibility: 'advanced',
      },
    ],
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
    body: [
      { path: 'input', title: 'Question', description: 'What to ask.', required: true, visibility: 'important' },
      {
        path: 'previous_response_id',
        title: 'Previous answer',
        description: 'The response_id of an answer that goes on.',
        visibility: 'important',
      },
      {
        path: 'conversation_id',
        title: 'Conversation',
        description: 'The id of a conversation that goes on.',
        visibility: 'advanced',
      },
      {
        path: 'wait_seconds',
        title: 'Seconds to wait',
        description: 'How long to wait; what takes longer is for Get answer.',
        visibility: 'advanced',
      },
    ],
    returns: { name: 'askResponse', fields: askFields() },
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
    returns: { name: 'getAnswerResponse', fields: askFields() },
    accepted: 'The agent is still at work.',
  },
];

function askFields(): Field[] {
  return [
    {
      path: 'response_id',
      title: 'Response id',
      description: 'Names the answer; the next question can go on from it.',
    },
    {
      path: 'status',
      title: 'Status',
      description: 'completed, incomplete, requires_action, or in_progress while the agent is at work.',
    },
    { path: 'text', title: 'Text', description: 'The answer, with [1] where it cites.' },
    { path: 'citations', title: 'Citations', description: 'What the text cites.' },
    { path: 'citations[].position', title: 'Number', description: 'The number in the text.' },
    { path: 'citations[].title', title: 'Title', description: 'The name of the file or the page.' },
    { path: 'citations[].file_id', title: 'File', description: 'The id of the file.' },
    { path: 'citations[].url', title: 'URL', description: 'The address of the page.' },
    { path: 'citations[].quote', title: 'Quote', description: 'What of it says so.' },
    { path: 'waits_for', title: 'Waits for', description: 'Functions and approvals that the agent needs.' },
    { path: 'waits_for[]', title: 'Name', description: 'The name of the function or the tool.' },
  ];
}
