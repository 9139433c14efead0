/** The settings under which releases were made, which the hosts that take their state over need again. */
import type { ScriptedUpstream } from '../support/scriptedUpstream';

export const modelSettings = (upstream: ScriptedUpstream): Record<string, string> => ({
  MODEL_BACKENDS: JSON.stringify({
    backends: [{ name: 'service', kind: 'openai', base_url: upstream.url }],
    tenant_limits: { alpha: { requests_per_minute: 10_000, tokens_per_minute: 10_000_000 } },
  }),
  EMBEDDING_DEPLOYMENT: 'embed',
  SYNC_CONTAINERS: 'documents',
});
