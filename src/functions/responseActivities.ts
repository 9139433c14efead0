/** Registers the orchestration of responses in the background and its activity. */
import type { InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { inLogScope } from '../log';
import {
  ADVANCE_RESPONSE,
  BACKGROUND_RESPONSE,
  backgroundResponse,
  type ResponseInput,
} from '../orchestrations/backgroundResponse';
import type { Advanced } from '../orchestrations/driving';
import { referenceTo } from '../responses/backgroundRecords';

export function registerResponseActivities(): void {
  df.app.orchestration(BACKGROUND_RESPONSE, backgroundResponse);
  df.app.activity(ADVANCE_RESPONSE, {
    handler: async (input: ResponseInput, invocation: InvocationContext) =>
      inLogScope(invocation, { tenant: input.tenant, response: input.responseId }, async () => advance(input)),
  });
}

async function advance({ tenant, project, responseId }: ResponseInput): Promise<Advanced> {
  const { responses } = await services();
  const state = await responses.advance(referenceTo({ tenant, project }, responseId));
  return state ? { state: 'busy', until: state.busyUntil } : { state: 'done' };
}
