/** The identity endpoint of App Service: learn.microsoft.com/azure/app-service/overview-managed-identity. */
import { startRestServer, Refusal } from './restServer';

export interface IdentityServer {
  /** Settings of a process that has the identities. */
  env: { IDENTITY_ENDPOINT: string; IDENTITY_HEADER: string };
  /** The ARM ids that tokens were asked for, undefined for the system's own identity. */
  asked: (string | undefined)[];
  close(): Promise<void>;
}

const HEADER = 'identity-header';
const SEARCH = 'https://search.azure.com';

/** @param token What is given for Azure AI Search. */
export async function startIdentity(token: () => string): Promise<IdentityServer> {
  const asked: IdentityServer['asked'] = [];
  const { url, close } = await startRestServer(({ headers, query }) => {
    if (headers['x-identity-header'] !== HEADER || query.get('resource') !== SEARCH) {
      throw new Refusal({ status: 400, body: { statusCode: 400, message: 'Bad request' } });
    }
    asked.push(query.get('mi_res_id') ?? undefined);
    const expires_on = String(Math.floor(Date.now() / 1_000) + 3_600);
    return { status: 200, body: { access_token: token(), expires_on, resource: SEARCH, token_type: 'Bearer' } };
  });
  return { env: { IDENTITY_ENDPOINT: `${url}/msi/token`, IDENTITY_HEADER: HEADER }, asked, close };
}
