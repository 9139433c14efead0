/** Answers as the clients of Foundry projects read them: the connector (foundry-agent-connector.md 3.2 and 3.4) and `@azure/ai-agents`. */
import { nameOf } from '../assistants/newRun';
import type { StepDelta } from '../assistants/runSink';
import { shownSampling } from '../assistants/shownSampling';
import type { Call } from '../http/operation';
import type { AssistantObject, AssistantTool } from '../wire/assistants';
import type { RunObject } from '../wire/threads';

/** The only api-version that the connector's own client sends. Other clients of projects get what the service gives. */
const CONNECTOR_VERSION = '2025-11-15-preview';

type Caller = Pick<Call, 'toleratesUnknownFields' | 'apiVersion'>;

const isFlow = ({ toleratesUnknownFields, apiVersion }: Caller): boolean =>
  toleratesUnknownFields && apiVersion === CONNECTOR_VERSION;

const named = (tools: AssistantTool[]) => tools.map((tool) => ({ ...tool, name: nameOf(tool) }));

/** The run as the caller sees it. A flow reads `response_format` as a string, and of tools the name. */
export function shownRun(caller: Caller, run: RunObject) {
  const shown = shownSampling(run);
  if (!isFlow(caller)) return shown;
  const { response_format: format } = run;
  return { ...shown, tools: named(run.tools), response_format: format === 'auto' ? format : format.type };
}

/** The assistant as the caller sees it. A flow reads the names of its tools. */
export function shownAssistant(caller: Caller, assistant: AssistantObject) {
  const shown = shownSampling(assistant);
  return isFlow(caller) ? { ...shown, tools: named(assistant.tools) } : shown;
}

/** The delta as the caller sees it. `@azure/ai-agents` cannot read that of a search that begins without its results, which there are none of yet. */
export function shownStepDelta({ toleratesUnknownFields }: Caller, event: StepDelta): StepDelta {
  if (!toleratesUnknownFields) return event;
  const tool_calls = event.delta.step_details.tool_calls.map((call) =>
    'file_search' in call ? { ...call, file_search: { results: [] } } : call,
  );
  return { ...event, delta: { step_details: { type: 'tool_calls', tool_calls } } };
}
