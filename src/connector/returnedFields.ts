/** The fields that actions of the connector return (foundry-agent-connector.md 3). */
import { fields, object, type Field } from './fields';

/** Tools and files have names for flows, beside what they are. */
const name: Partial<Field> = { own: { type: 'string' } };

export const threadFields: Field[] = fields([
  ['id', 'Thread', 'The id of the thread.'],
  ['object', 'Object', 'Always thread.'],
  ['created_at', 'Created at', 'When it was made, in Unix seconds.'],
  ['metadata', 'Metadata', 'What is kept with it.', object],
]);

export const runFields: Field[] = fields([
  ['id', 'Run', 'The id of the run.'],
  ['object', 'Object', 'Always thread.run.'],
  ['created_at', 'Created at', 'When it was made, in Unix seconds.'],
  ['thread_id', 'Thread', 'The id of the thread.'],
  ['assistant_id', 'Agent', 'The id of the agent.'],
  ['status', 'Status', 'Where the run stands; completed is its good end.'],
  ['required_action', 'Required action', 'What the run waits for.', object],
  ['last_error', 'Last error', 'Why the run failed.', object],
  ['expires_at', 'Expires at', 'When its time is over.'],
  ['started_at', 'Started at', 'When it began.'],
  ['cancelled_at', 'Cancelled at', 'When it was cancelled.'],
  ['failed_at', 'Failed at', 'When it failed.'],
  ['completed_at', 'Completed at', 'When it was completed.'],
  ['model', 'Model', 'The deployment.'],
  ['instructions', 'Instructions', 'What the agent was told.'],
  ['tools', 'Tools', 'The tools of the run.'],
  ['tools[].name', 'Tool', 'The type of the tool, or the name of a function.', name],
  ['file_ids', 'Files', 'Of the older form.'],
  ['file_ids[].name', 'File', 'The id of the file.', name],
  ['metadata', 'Metadata', 'What is kept with it.', object],
  ['tool_choice', 'Tool choice', 'Which tool is called.', object],
  ['max_prompt_tokens', 'Maximum prompt tokens', 'How many tokens may be read.', { own: { type: 'number' } }],
  ['max_completion_tokens', 'Maximum completion tokens', 'How many may be written.', { own: { type: 'number' } }],
  ['usage', 'Usage', 'The tokens that it took.', object],
  ['truncation_strategy', 'Truncation strategy', 'How a long thread is cut.', object],
  ['response_format', 'Response format', 'The form of the answer.', { type: 'string' }],
]);

const pageFields: Field[] = fields([
  ['object', 'Object', 'Always list.'],
  ['data', 'Data', 'The entries.'],
  ['first_id', 'First', 'The id of the first entry.'],
  ['last_id', 'Last', 'The id of the last entry.'],
  ['has_more', 'Has more', 'Whether there are more.'],
]);

export const dataFields: Field[] = [
  ...pageFields,
  ...fields([
    ['data[].id', 'Agent', 'The id of the agent.'],
    ['data[].object', 'Object', 'Always assistant.'],
    ['data[].created_at', 'Created at', 'When it was made, in Unix seconds.'],
    ['data[].name', 'Name', 'Its name.'],
    ['data[].description', 'Description', 'What it is for.'],
    ['data[].model', 'Model', 'The deployment.'],
    ['data[].instructions', 'Instructions', 'What it is told.'],
    ['data[].tools', 'Tools', 'Its tools.'],
    ['data[].tools[].name', 'Tool', 'The type of the tool, or the name of a function.', name],
    ['data[].metadata', 'Metadata', 'What is kept with it.', object],
    ['data[].temperature', 'Temperature', 'How free it is.'],
    ['data[].top_p', 'Top P', 'Which share of the likely words it looks at.'],
    ['data[].response_format', 'Response format', 'The form of its answers.', object],
    ['data[].tool_resources', 'Tool resources', 'Files and vector stores of its tools.', object],
  ]),
];

const ofAgents = 'Of agents; messages have none.';
const hidden = (type: 'string' | 'number' | 'object' | 'array'): Partial<Field> => ({
  own: { type },
  visibility: 'internal',
});

/** The connector has one schema for agents and messages; here are those fields, and those that messages have. */
export const messageFields: Field[] = [
  ...pageFields,
  ...fields([
    ['data[].name', 'Name', ofAgents, hidden('string')],
    ['data[].description', 'Description', ofAgents, hidden('string')],
    ['data[].model', 'Model', ofAgents, hidden('string')],
    ['data[].instructions', 'Instructions', ofAgents, hidden('string')],
    ['data[].tools', 'Tools', ofAgents, hidden('array')],
    ['data[].tools[].name', 'Tool', ofAgents, hidden('string')],
    ['data[].temperature', 'Temperature', ofAgents, hidden('number')],
    ['data[].top_p', 'Top P', ofAgents, hidden('number')],
    ['data[].response_format', 'Response format', ofAgents, hidden('object')],
    ['data[].tool_resources', 'Tool resources', ofAgents, hidden('object')],
    ['data[].id', 'Message', 'The id of the message.'],
    ['data[].object', 'Object', 'Always thread.message.'],
    ['data[].created_at', 'Created at', 'When it was made, in Unix seconds.'],
    ['data[].thread_id', 'Thread', 'The id of the thread.'],
    ['data[].role', 'Role', 'Who says it: user or assistant.'],
    ['data[].content', 'Content', 'Its parts.'],
    ['data[].content[].type', 'Type', 'What the part is: text, or a picture.'],
    ['data[].content[].text', 'Text', 'The text with what it cites.', object],
    ['data[].content[].text.value', 'Value', 'The text.'],
    ['data[].assistant_id', 'Agent', 'The id of the agent that wrote it.'],
    ['data[].run_id', 'Run', 'The id of the run that wrote it.'],
    ['data[].metadata', 'Metadata', 'What is kept with it.', object],
  ]),
];

export const agentFields: Field[] = fields([
  ['data', 'Data', 'The agents.'],
  ['data[].id', 'Agent', 'The id, which is the name.'],
  ['data[].name', 'Name', 'The name.'],
  ['data[].description', 'Description', 'What it is for.'],
  ['data[].version', 'Version', 'The newest version.'],
  ['data[].createdAt', 'Created at', 'When that was made.'],
]);

const any: Partial<Field> = { type: 'any' };
const float: Partial<Field> = { type: 'number' };

export const responseFields: Field[] = fields([
  ['id', 'Response', 'The id of the response.'],
  ['object', 'Object', 'Always response.'],
  ['status', 'Status', 'Where the response stands; completed is its good end.'],
  ['created_at', 'Created at', 'When it was made, in Unix seconds.'],
  ['output_text', 'Output text', 'The text of the response.'],
  ['metadata', 'Metadata', 'What is kept with it.', object],
  ['temperature', 'Temperature', 'How free it was.', float],
  ['top_p', 'Top P', 'Which share of the likely words it looked at.', float],
  ['user', 'User', 'Who asked.'],
  ['service_tier', 'Service tier', 'How it was served.'],
  ['top_logprobs', 'Top log probabilities', 'How many likely words are told.'],
  ['previous_response_id', 'Previous response', 'The response that it continues.'],
  ['model', 'Model', 'The deployment.'],
  ['reasoning', 'Reasoning', 'How it reasoned.', object],
  ['reasoning.effort', 'Effort', 'How much.'],
  ['reasoning.summary', 'Summary', 'How it is told.'],
  ['reasoning.generate_summary', 'Generate summary', 'The older name of summary.', { own: { type: 'string' } }],
  ['background', 'Background', 'Whether it was made in the background.'],
  ['max_output_tokens', 'Maximum output tokens', 'How many tokens may be written.'],
  ['max_tool_calls', 'Maximum tool calls', 'How often tools may be called.'],
  ['text', 'Text', 'The form of the text.', object],
  ['text.format', 'Format', 'Its format.', object],
  ['text.format.type', 'Format type', 'Plain text, or JSON.'],
  ['tools', 'Tools', 'The tools of the response.'],
  ['tools[].type', 'Tool type', 'The type of the tool.'],
  ['tool_choice', 'Tool choice', 'Which tool was to be called.', any],
  ['prompt', 'Prompt', 'The prompt template.', object],
  ['prompt.id', 'Prompt id', 'Its id.'],
  ['prompt.version', 'Prompt version', 'Its version.'],
  ['prompt.variables', 'Prompt variables', 'What was put in.', object],
  ['truncation', 'Truncation', 'Whether a long input is cut.'],
  ['error', 'Error', 'Why it failed.', object],
  ['error.code', 'Code', 'What kind of failure.'],
  ['error.message', 'Message', 'The failure in words.'],
  ['incomplete_details', 'Incomplete details', 'Why it is incomplete.', object],
  ['incomplete_details.reason', 'Reason', 'The reason.'],
  ['output', 'Output', 'The items that it put out.'],
  ['output[].type', 'Type', 'What the item is.'],
  ['output[].id', 'Item', 'The id of the item.'],
  ['instructions', 'Instructions', 'What the agent was told.', any],
  ['usage', 'Usage', 'The tokens that it took.', object],
  ['usage.input_tokens', 'Input tokens', 'Tokens that were read.'],
  ['usage.input_tokens_details', 'Input tokens in detail', 'Of those.', object],
  ['usage.input_tokens_details.cached_tokens', 'Cached tokens', 'Those that the service knew.'],
  ['usage.output_tokens', 'Output tokens', 'Tokens that were written.'],
  ['usage.output_tokens_details', 'Output tokens in detail', 'Of those.', object],
  ['usage.output_tokens_details.reasoning_tokens', 'Reasoning tokens', 'Those of its thoughts.'],
  ['usage.total_tokens', 'Total tokens', 'All of them.'],
  ['parallel_tool_calls', 'Parallel tool calls', 'Whether several tools may be called at once.'],
  ['conversation', 'Conversation', 'The conversation that it is part of.', object],
  ['conversation.id', 'Conversation id', 'Its id.'],
  ['agent', 'Agent', 'The agent that answered.', object],
  ['agent.type', 'Agent type', 'Always agent_id.'],
  ['agent.name', 'Agent name', 'Its name.'],
  ['agent.version', 'Agent version', 'Its version.'],
]);

/** Of Ask and Get answer. */
export const answerFields: Field[] = fields([
  ['response_id', 'Response id', 'Names the answer; the next question can go on from it.'],
  ['status', 'Status', 'completed, incomplete, requires_action, or in_progress while the agent is at work.'],
  ['text', 'Text', 'The answer, with [1] where it cites.'],
  ['citations', 'Citations', 'What the text cites.'],
  ['citations[].position', 'Number', 'The number in the text.'],
  ['citations[].title', 'Title', 'The name of the file or the page.'],
  ['citations[].file_id', 'File', 'The id of the file.'],
  ['citations[].url', 'URL', 'The address of the page.'],
  ['citations[].quote', 'Quote', 'What of it says so.'],
  ['waits_for', 'Waits for', 'Functions and approvals that the agent needs.'],
  ['waits_for[]', 'Name', 'The name of the function or the tool.'],
]);
