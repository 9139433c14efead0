/** The fields that actions of the connector send (foundry-agent-connector.md 2). */
import { fields, object, type DynamicValues, type Field } from './fields';

/** The only version that the connector's own client sends. */
export const VERSION = '2025-11-15-preview';

const agentsFrom = (operationId: string, value: string): DynamicValues => ({
  operationId,
  'value-collection': 'data',
  'value-path': value,
  'value-title': 'name',
  parameters: { 'api-version': VERSION },
});
/** The agents of responses, by their names. */
export const byName = agentsFrom('ListAgentsFromService', 'name');

const important: Partial<Field> = { visibility: 'important' };
const advanced: Partial<Field> = { visibility: 'advanced' };
const hiddenObject: Partial<Field> = { ...object, ...advanced };
const needed: Partial<Field> = { required: true };

const metadata = (path: string, of: string): Field[] =>
  fields([
    [
      path,
      'Metadata',
      `Up to 16 pairs that are kept with the ${of}: keys of at most 64, values of at most 512 characters.`,
      hiddenObject,
    ],
  ]);

/** The messages that go in with a thread or a run. */
const messages = (path: string, title: string): Field[] => [
  ...fields([
    [path, title, 'Messages to add to the thread.', important],
    [`${path}[].role`, 'Role', 'Who says it: user or assistant.'],
    [`${path}[].content`, 'Content', 'The text.', { type: 'string' }],
    [`${path}[].attachments`, 'Attachments', 'Files that the run can use.'],
    [`${path}[].attachments[].name`, 'File', 'The id of a file.', { own: { type: 'string' } }],
  ]),
  ...metadata(`${path}[].metadata`, 'message'),
];

/** Of Create thread. */
export const newThreadFields: Field[] = [
  ...messages('messages', 'Messages'),
  ...metadata('metadata', 'thread'),
  ...fields([
    [
      'tool_resources',
      'Tool resources',
      'Files for code_interpreter and vector stores for file_search, by their ids.',
      hiddenObject,
    ],
  ]),
];

/** Of Create run. */
export const newRunFields: Field[] = [
  ...fields([
    [
      'assistant_id',
      'Agent',
      'The agent that works on the thread.',
      { ...needed, ...important, dynamicValues: agentsFrom('ListAgents', 'id') },
    ],
    ['model', 'Model', 'The deployment to use in place of that of the agent.', advanced],
    ['instructions', 'Instructions', 'Instructions in place of those of the agent.', advanced],
    ['additional_instructions', 'Additional instructions', 'Instructions behind those of the agent.'],
  ]),
  ...messages('additional_messages', 'Additional messages'),
  ...fields([
    ['tools', 'Tools', 'The tools that the run may use.', advanced],
    ['tools[].name', 'Tool', 'The type of a tool of the agent, or the name of a function.', { type: 'string' }],
  ]),
  ...metadata('metadata', 'run'),
  ...fields([
    ['temperature', 'Temperature', 'From 0, always alike, to 2, very free.', advanced],
    ['top_p', 'Top P', 'Which share of the likely words is looked at, in place of the temperature.', advanced],
    ['stream', 'Stream', 'Whether the answer is a stream of events.', advanced],
    [
      'max_prompt_tokens',
      'Maximum prompt tokens',
      'The run ends incomplete past so many tokens that it reads.',
      advanced,
    ],
    [
      'max_completion_tokens',
      'Maximum completion tokens',
      'The run ends incomplete past so many tokens that it writes.',
      advanced,
    ],
    ['truncation_strategy', 'Truncation strategy', 'How a long thread is cut.', hiddenObject],
    ['tool_choice', 'Tool choice', 'Which tool is called, as an object with its type.', hiddenObject],
    ['response_format', 'Response format', 'The form of the answer, such as { "type": "json_object" }.', hiddenObject],
  ]),
];

/** Of Invoke agent. */
export const newResponseFields: Field[] = [
  ...fields([
    ['agent', 'Agent', 'The agent that answers.', object],
    [
      'agent.type',
      'Type',
      'How the agent is named: agent_reference.',
      { ...needed, default: 'agent_reference', ...important },
    ],
    ['agent.name', 'Agent name', 'The name of the agent.', { ...needed, ...important, dynamicValues: byName }],
    [
      'agent.version',
      'Agent version',
      'The version of the agent; latest for the newest.',
      { ...needed, default: 'latest', ...important },
    ],
    [
      'input',
      'Input',
      'What is said to the agent: a text, or a list of items with texts, pictures and files.',
      { type: 'any', ...important },
    ],
    ['conversation', 'Conversation', 'A conversation that goes on.', object],
    ['conversation.id', 'Conversation id', 'The id of the conversation.'],
    ['previous_response_id', 'Previous response', 'The id of a response that goes on.'],
    [
      'instructions',
      'Instructions',
      'A system message, for this response alone; those of the agent go before.',
      advanced,
    ],
  ]),
  ...metadata('metadata', 'response'),
  ...fields([
    ['user', 'User', 'Who asks, so that abuse can be traced.', advanced],
    ['top_logprobs', 'Top log probabilities', 'How many likely words are told at each place.', advanced],
    ['background', 'Background', 'Whether the response is made in the background.', advanced],
    ['max_output_tokens', 'Maximum output tokens', 'How many tokens may be written, reasoning included.', advanced],
    ['max_tool_calls', 'Maximum tool calls', 'How often built-in tools may be called.', advanced],
    ['text', 'Text', 'The form of the text.', hiddenObject],
    ['text.format', 'Format', 'The format of the text.', object],
    ['text.format.type', 'Format type', 'Plain text, or JSON.', needed],
    ['tools', 'Tools', 'The tools that may be used.', advanced],
    ['tools[].type', 'Tool type', 'The type of the tool.', needed],
    ['tool_choice', 'Tool choice', 'Which tool is called.', { type: 'any', ...advanced }],
    ['prompt', 'Prompt', 'A prompt template.', hiddenObject],
    ['prompt.id', 'Prompt id', 'The id of the template.', needed],
    ['prompt.version', 'Prompt version', 'The version of the template.'],
    ['prompt.variables', 'Prompt variables', 'What is put in.', object],
    ['truncation', 'Truncation', 'auto: what is too long is cut in the middle; disabled: it is refused.', advanced],
    ['include', 'Include', 'What else the answer holds.', advanced],
    ['include[]', 'Included', 'A part of the answer.'],
    ['parallel_tool_calls', 'Parallel tool calls', 'Whether several tools may be called at once.', advanced],
    ['store', 'Store', 'Whether the response is kept, so that it can be read and go on.', advanced],
  ]),
];

/** Of Ask. */
export const questionFields: Field[] = fields([
  ['input', 'Question', 'What to ask.', { ...needed, ...important }],
  ['previous_response_id', 'Previous answer', 'The response_id of an answer that goes on.', important],
  ['conversation_id', 'Conversation', 'The id of a conversation that goes on.', advanced],
  ['wait_seconds', 'Seconds to wait', 'How long to wait; what takes longer is for Get answer.', advanced],
]);
