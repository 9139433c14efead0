/** A host over HTTPS before a scripted model service, and the clients of its Foundry projects. */
import { AgentsClient } from '@azure/ai-agents';
import { makeCertificates, type Certificates } from './certificates';
import { startHost, type Host, type Tenant } from './host';
import { startScriptedUpstream, type ScriptedUpstream } from './scriptedUpstream';

export interface FoundryHost {
  host: Host;
  upstream: ScriptedUpstream;
  certificates: Certificates;
  /** What the clients have sent: method and path with query, without the host. */
  sent: string[];
  /** The SDK as its users make it, with a token credential, which the host takes for a key. */
  agents: (project?: string, tenant?: Tenant) => AgentsClient;
  stop: () => Promise<void>;
}

const HOUR_MS = 3_600_000;

/** Starts it with these settings; the scripted service embeds too. */
export async function startFoundryHost(settings: Record<string, string> = {}): Promise<FoundryHost> {
  const [certificates, upstream] = await Promise.all([makeCertificates(), startScriptedUpstream()]);
  const host = await startHost({
    env: { ...certificates.env, OPENAI_BASE_URL: upstream.url, EMBEDDING_DEPLOYMENT: 'embed', ...settings },
  });
  const sent: string[] = [];
  return {
    host,
    upstream,
    certificates,
    sent,
    agents: (project = 'p1', tenant = 'alpha') => {
      const credential = {
        getToken: () => Promise.resolve({ token: host.key(tenant), expiresOnTimestamp: Date.now() + HOUR_MS }),
      };
      const client = new AgentsClient(`${host.url}/api/projects/${project}`, credential, {
        tlsOptions: { ca: certificates.ca },
        retryOptions: { maxRetries: 0 },
      });
      client.pipeline.addPolicy({
        name: 'note',
        sendRequest: async (request, next) => {
          sent.push(`${request.method} ${request.url.slice(host.url.length)}`);
          return next(request);
        },
      });
      return client;
    },
    stop: async () => {
      await host.stop();
      await Promise.all([upstream.close(), certificates.remove()]);
    },
  };
}
