/** Drives a response in the background to its end. Deterministic, no I/O. */
import { driving } from './driving';

/** The orchestration's name; its instance id is the response's id. */
export const BACKGROUND_RESPONSE = 'backgroundResponse';
/** Activity that moves the response; its input is {@link ResponseInput}, its output `Advanced`. */
export const ADVANCE_RESPONSE = 'advanceResponse';
/** Event that has the orchestration look at the response at once. */
export const RESPONSE_CHANGED = 'responseChanged';

/** Names the response. */
export interface ResponseInput {
  tenant: string;
  project: string;
  responseId: string;
}

export const backgroundResponse = driving(ADVANCE_RESPONSE, RESPONSE_CHANGED);
