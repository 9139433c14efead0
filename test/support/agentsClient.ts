/** The Foundry SDK's client of a project; it sends its token over TLS only. */
import { AIProjectClient } from '@azure/ai-projects';
import type { Certificates } from './certificates';
import type { Host, Tenant } from './host';

export const projectClient = (
  host: Host,
  certificates: Certificates,
  project = 'p1',
  tenant: Tenant = 'alpha',
): AIProjectClient =>
  new AIProjectClient(
    `${host.url}/api/projects/${project}`,
    { getToken: async () => Promise.resolve({ token: host.key(tenant), expiresOnTimestamp: Date.now() + 3_600_000 }) },
    { tlsOptions: { ca: certificates.ca }, retryOptions: { maxRetries: 0 } },
  );

/** What a paged listing gives, to its end. */
export async function collected<T>(listing: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of listing) all.push(one);
  return all;
}
