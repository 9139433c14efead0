/** Requests for runs whose tools are only named. */
import { services } from '../app';
import { isWhole, selectTools } from '../assistants/namedTools';
import type { Scope } from '../scope';
import type { AssistantTool } from '../wire/assistants';
import type { NamedTool } from '../wire/connector';

interface AskedTools {
  assistant_id: string;
  tools?: (AssistantTool | NamedTool)[] | null;
}

/** The request with the assistant's tools in place of those that it only names. Throws 400 for a name that none has, 404 for an assistant that is not there. */
export async function withNamedTools<T extends AskedTools>(
  scope: Scope,
  body: T,
): Promise<Omit<T, 'tools'> & { tools?: AssistantTool[] | null }> {
  const { tools } = body;
  if (!tools || tools.every(isWhole)) return { ...body, tools };
  const assistant = await (await services()).assistants.get(scope, body.assistant_id);
  return { ...body, tools: selectTools(assistant, tools) };
}
