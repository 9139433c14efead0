/** Ids of responses and their items. An id says where its object is stored, so that none must be looked up first. */
import { newId } from '../storage/keys';

/** Where a response is stored: the chain of responses that it is one of, and its place there, as 24 characters each. */
export interface ResponseKey {
  chain: string;
  turn: string;
}

const RESPONSE_ID = /^resp_([A-Za-z0-9]{24})([A-Za-z0-9]{24})$/;
const ITEM_ID = /^[a-z]{2,5}_([A-Za-z0-9]{24})([A-Za-z0-9]{24})[A-Za-z0-9]{7}$/;

/** The key of a new response, in that chain or as the first of a new one. */
export const newResponseKey = (chain = newId('')): ResponseKey => ({ chain, turn: newId('') });

export const responseIdOf = ({ chain, turn }: ResponseKey): string => `resp_${chain}${turn}`;

/** Undefined for an id that is none of a response of this server. */
export const responseKeyOf = (id: string): ResponseKey | undefined => keyIn(RESPONSE_ID, id);

/** A new id of an item of that response, or of a conversation's item where there is no response. */
export const newItemId = (prefix: string, { chain, turn }: ResponseKey): string =>
  `${prefix}_${chain}${turn}${newId('').slice(0, 7)}`;

/** The response that an item belongs to; undefined for an id that is none of an item of this server. */
export const itemOwnerOf = (id: string): ResponseKey | undefined => keyIn(ITEM_ID, id);

function keyIn(pattern: RegExp, id: string): ResponseKey | undefined {
  const [, chain, turn] = pattern.exec(id) ?? [];
  return chain !== undefined && turn !== undefined ? { chain, turn } : undefined;
}

/** What ids of items of each type begin with. */
export const itemPrefixes = {
  message: 'msg',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
  file_search_call: 'fs',
  code_interpreter_call: 'ci',
  mcp_list_tools: 'mcpl',
  mcp_call: 'mcp',
  mcp_approval_request: 'mcpr',
  mcp_approval_response: 'mcpa',
  reasoning: 'rs',
  web_search_call: 'ws',
} as const;
