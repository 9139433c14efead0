/** Which tools and choices of tools responses and agents take, and what they become. */
import { z } from 'zod';
import { validate } from '../../src/http/validation';
import { responseToolChoice, responseTools, shownTool } from '../../src/wire/responseTools';

const body = z.strictObject({ tools: responseTools.optional(), tool_choice: responseToolChoice.optional() });
const read = (tool: object, tolerant = false) => validate(body, { tools: [tool] }, tolerant).tools?.[0];
const fault = (message: string, code: string, param: string) =>
  expect.objectContaining({ status: 400, message: expect.stringContaining(message), details: { code, param } });
const mcp = { type: 'mcp', server_label: 'docs', server_url: 'https://mcp.example.com/mcp' } as const;
const container = (fields: object) => ({ type: 'code_interpreter', container: { type: 'auto', ...fields } });

it.each([
  { type: 'function', name: 'f' },
  { type: 'custom', name: 'f' },
  { type: 'custom', name: 'f', description: 'd', format: { type: 'grammar', syntax: 'regex', definition: 'a+' } },
  { type: 'function', name: 'f', parameters: null, strict: null, description: null },
  { type: 'function', name: 'f'.repeat(128), parameters: {}, strict: true, allowed_callers: ['direct'], async: false },
  { type: 'file_search', vector_store_ids: ['vs_1', 'vs_2'], max_num_results: 50, filters: null },
  { type: 'code_interpreter' },
  { type: 'code_interpreter', file_ids: ['file-1'] },
  { type: 'code_interpreter', container: 'cntr_1' },
  container({ file_ids: ['file-1'], network_policy: { type: 'disabled' } }),
  mcp,
  { ...mcp, allowed_tools: { read_only: true }, require_approval: 'never', headers: { 'x-key': 'k' } },
  { ...mcp, require_approval: { always: { tool_names: ['a'] }, never: { read_only: true } }, defer_loading: false },
  { type: 'web_search', filters: { allowed_domains: ['a.example'] }, external_web_access: false },
  { type: 'web_search_2025_08_26', user_location: null },
  { type: 'web_search_preview', search_content_types: ['text'], search_context_size: 'high' },
  { type: 'web_search_preview_2025_03_11', user_location: { type: 'approximate', country: 'AT' } },
  { type: 'computer_use_preview', display_width: 800, display_height: 600, environment: 'linux' },
])('%j is read as it is', (tool) => {
  expect(read(tool)).toEqual(tool);
});

it.each(['computer-preview', 'computer-use-preview'])('%s becomes computer_use_preview', (type) => {
  const screen = { display_width: 800, display_height: 600, environment: 'mac' };
  expect(read({ type, ...screen })).toEqual({ type: 'computer_use_preview', ...screen });
});

it.each<[object, string]>([
  [{ type: 'image_generation' }, 'type'],
  [{ type: 'azure_ai_search', azure_ai_search: {} }, 'type'],
  [{ type: 'shell' }, 'type'],
  [{ type: 'function', name: 'f', output_schema: {} }, 'output_schema'],
  [{ type: 'function', name: 'f', defer_loading: true }, 'defer_loading'],
  [{ type: 'function', name: 'f', allowed_callers: ['direct', 'programmatic'] }, 'allowed_callers'],
  [{ type: 'function', name: 'f', async: true }, 'async'],
  [container({ memory_limit: '4g' }), 'container.memory_limit'],
  [container({ network_policy: { type: 'allowlist', allowed_domains: ['a.example'] } }), 'container.network_policy'],
  [{ type: 'mcp', server_label: 'a', connector_id: 'connector_gmail' }, 'connector_id'],
  [{ type: 'mcp', server_label: 'a', tunnel_id: 'tunnel_1' }, 'tunnel_id'],
  [{ ...mcp, project_connection_id: 'c' }, 'project_connection_id'],
  [{ type: 'web_search', custom_search_configuration: {} }, 'custom_search_configuration'],
])('%j is said to be unsupported, also where unknown fields are dropped', (tool, field) => {
  for (const tolerant of [false, true])
    expect(() => read(tool, tolerant)).toThrow(fault('is not supported here', 'unsupported', `tools[0].${field}`));
});

it.each<[object, string, string]>([
  [{}, 'tools[0].type', 'missing_required_parameter'],
  [{ type: 7 }, 'tools[0].type', 'invalid_value'],
  [{ type: 'function' }, 'tools[0].name', 'missing_required_parameter'],
  [{ type: 'function', name: 'a b' }, 'tools[0].name', 'invalid_value'],
  [{ type: 'function', name: 'f', more: 1 }, 'tools[0].more', 'unknown_parameter'],
  [{ ...mcp, server_label: '1a' }, 'tools[0].server_label', 'invalid_value'],
  [{ ...mcp, server_url: 'file:///etc/passwd' }, 'tools[0].server_url', 'invalid_value'],
  [{ ...mcp, require_approval: 'sometimes' }, 'tools[0].require_approval', 'invalid_value'],
  [{ ...mcp, authorization: '<redacted>' }, 'tools[0].authorization', 'invalid_value'],
  [{ ...container({}), file_ids: ['file-1'] }, 'tools[0].file_ids', 'invalid_value'],
  [{ type: 'web_search', search_context_size: 'huge' }, 'tools[0].search_context_size', 'invalid_value'],
])('%j is refused', (tool, param, code) => {
  expect(() => read(tool)).toThrow(fault('', code, param));
});

it.each([
  'none',
  'auto',
  'required',
  { type: 'function', name: 'f' },
  { type: 'mcp', server_label: 'docs', name: 'search' },
  { type: 'file_search' },
  { type: 'code_interpreter' },
  { type: 'web_search_preview' },
  { type: 'computer_use_preview' },
  { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'f' }] },
])('the choice %j is read as it is', (tool_choice) => {
  expect(validate(body, { tool_choice })).toEqual({ tool_choice });
});

it.each(['any', { type: 'function' }, { type: 'shell' }, { type: 'allowed_tools', mode: 'auto', tools: [] }])(
  'the choice %j is refused',
  (tool_choice) => {
    expect(() => validate(body, { tool_choice })).toThrow(expect.objectContaining({ status: 400 }));
  },
);

it('answers show that there are secrets, not which', () => {
  const tool = { ...mcp, headers: { 'x-key': 'k' }, authorization: 'token' };
  expect(shownTool(tool)).toEqual({ ...mcp, headers: { 'x-key': '<redacted>' }, authorization: '<redacted>' });
  expect(shownTool(mcp)).toEqual(mcp);
});
