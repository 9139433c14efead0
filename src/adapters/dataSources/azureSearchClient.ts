/** The vendor's clients of Azure AI Search, whose calls go through the outgoing guard with the caller's credential. */
import type { TokenCredential } from '@azure/identity';
import { AzureKeyCredential, SearchClient, SearchIndexClient } from '@azure/search-documents';
import { createHttpHeaders, type HttpClient, type PipelinePolicy } from '@azure/core-rest-pipeline';
import { SourceError } from '../../dataSources/ports';
import type { ParametersOf } from '../../wire/dataSources';
import type { OutgoingGuard } from '../outgoingGuard';
import { RecentlyUsed } from '../recentlyUsed';
import { callService, paramOf, type CalledService } from './sourceCalls';

export type SearchAuthentication = ParametersOf<'azure_search'>['authentication'];
export type SearchDocument = Record<string, unknown>;

/** Indexes of one service whose clients are kept. */
const MAX_INDEXES = 20;
/** Audience of tokens for Azure AI Search in the public cloud. */
const SCOPE = 'https://search.azure.com/.default';

export interface AzureSearchClients {
  service: CalledService;
  /** Queries one index. */
  documents(indexName: string): SearchClient<SearchDocument>;
  /** Reads definitions of indexes. */
  indexes: SearchIndexClient;
}

/**
 * @param identity The managed identity of this server: the system's own, or the one with that ARM resource id.
 * Throws {@link SourceError} `refused_address` where a managed identity's token would leave for a host that is not on the allow list.
 */
export function azureSearchClients(
  guard: OutgoingGuard,
  endpoint: string,
  authentication: SearchAuthentication,
  identity: (resourceId?: string) => TokenCredential,
): AzureSearchClients {
  const service: CalledService = { name: 'Azure AI Search', secrets: secretsOf(authentication) };
  const credential = credentialOf(guard, new URL(endpoint), authentication, identity);
  const options = {
    httpClient: guardedClient(guard, service),
    allowInsecureConnection: true,
    // The caller is told at once, and decides itself.
    retryOptions: { maxRetries: 0 },
  };
  const signIn = <Client extends SearchClient<SearchDocument> | SearchIndexClient>(client: Client): Client => {
    if ('getToken' in credential) {
      // The library's own policy refuses plain http, which this machine's own services speak.
      client.pipeline.removePolicy({ name: 'bearerTokenAuthenticationPolicy' });
      client.pipeline.addPolicy(bearerTokens(credential));
    }
    return client;
  };
  const documents = new RecentlyUsed<SearchClient<SearchDocument>>(MAX_INDEXES);
  return {
    service,
    documents: (indexName) =>
      documents.get(indexName, () =>
        signIn(new SearchClient<SearchDocument>(endpoint, indexName, credential, options)),
      ),
    indexes: signIn(new SearchIndexClient(endpoint, credential, options)),
  };
}

function secretsOf(authentication: SearchAuthentication): string[] {
  if (authentication.type === 'api_key') return [authentication.key];
  return authentication.type === 'access_token' ? [authentication.access_token] : [];
}

function credentialOf(
  guard: OutgoingGuard,
  url: URL,
  authentication: SearchAuthentication,
  identity: (resourceId?: string) => TokenCredential,
): AzureKeyCredential | TokenCredential {
  if (authentication.type === 'api_key') return new AzureKeyCredential(authentication.key);
  if (authentication.type === 'access_token') {
    const token = { token: authentication.access_token, expiresOnTimestamp: Infinity };
    return { getToken: () => Promise.resolve(token) };
  }
  if (!guard.takesIdentityTokens(url)) {
    throw new SourceError(
      'refused_address',
      `Azure AI Search: tokens of managed identities go only to https hosts that the operator names in DATA_SOURCE_ALLOWED_HOSTS, and ${url.host} is none.`,
      paramOf('endpoint'),
    );
  }
  return identity(
    authentication.type === 'user_assigned_managed_identity' ? authentication.managed_identity_resource_id : undefined,
  );
}

const bearerTokens = (credential: TokenCredential): PipelinePolicy => ({
  name: 'sourceBearerTokens',
  async sendRequest(request, next) {
    const token = await credential.getToken(SCOPE, { abortSignal: request.abortSignal }).catch((cause: unknown) => {
      const message =
        'Azure AI Search: the managed identity of this server gave no token; check that it has that identity.';
      throw new SourceError('authentication', message, paramOf('authentication'), { cause });
    });
    if (token) request.headers.set('authorization', `Bearer ${token.token}`);
    return next(request);
  },
});

const guardedClient = (guard: OutgoingGuard, service: CalledService): HttpClient => ({
  async sendRequest(request) {
    const { abortSignal } = request;
    const stop = new AbortController();
    const abort = () => stop.abort();
    if (abortSignal?.aborted) abort();
    abortSignal?.addEventListener('abort', abort);
    try {
      const answer = await callService(guard, service, {
        url: new URL(request.url),
        method: request.method,
        headers: request.headers.toJSON(),
        body: typeof request.body === 'string' ? request.body : undefined,
        signal: stop.signal,
      });
      const headers = createHttpHeaders(answer.headers);
      return { request, status: answer.status, headers, bodyAsText: answer.body.toString('utf8') };
    } finally {
      abortSignal?.removeEventListener('abort', abort);
    }
  },
});
