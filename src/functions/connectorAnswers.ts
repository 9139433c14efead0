/** Answers as the Azure AI Foundry connector declares them (foundry-agent-connector.md 3.2 and 3.4). */
import { nameOf } from '../assistants/newRun';
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
