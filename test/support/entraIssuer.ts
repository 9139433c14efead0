/** An Entra ID of its own on 127.0.0.1: metadata of both versions, a key set that can be rotated, and tokens to order. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CryptoKey, JWK, JWTPayload } from 'jose';

export const ENTRA_TENANT = '11111111-2222-3333-4444-555555555555';
/** The client id of the app registration. */
export const AUDIENCE = 'aaaaaaaa-0000-4000-8000-000000000001';

export interface TokenOptions {
  /** Claims that replace or, undefined, remove the usual ones. */
  claims?: JWTPayload;
  /** Of the header; by default the key's. */
  kid?: string;
  /** Seconds from now; 3600. */
  expiresIn?: number;
}

export interface EntraIssuer {
  /** For ENTRA_AUTHORITY. */
  authority: string;
  /** That of version 2. */
  issuer: string;
  /** The settings of a host that accepts tokens of it. */
  env: Record<string, string>;
  /** Requests so far. */
  requests: number;
  /** Whether it answers; otherwise 500. */
  isUp: boolean;
  /** A token of version 2 for {@link AUDIENCE}, of an application with the role OpenAI.Contributor. */
  token(options?: TokenOptions): Promise<string>;
  /** Signs with a new key from now on; publishes the old one still, unless told otherwise. */
  rotate(options?: { keepOld?: boolean }): Promise<void>;
  /** The published key set. */
  keySet(): { keys: JWK[] };
  close(): Promise<void>;
}

/** Starts the issuer. */
export async function startEntraIssuer(): Promise<EntraIssuer> {
  const { exportJWK, generateKeyPair, SignJWT } = await import('jose');
  const published: JWK[] = [];
  let signing: { kid: string; privateKey: CryptoKey };

  const newKey = async () => {
    const { privateKey, publicKey } = await generateKeyPair('RS256');
    const kid = randomUUID();
    published.push({ ...(await exportJWK(publicKey)), kid, use: 'sig' });
    signing = { kid, privateKey };
  };
  await newKey();

  const server = createServer((request, response) => {
    entra.requests += 1;
    if (!entra.isUp) {
      response.writeHead(500).end();
      return;
    }
    const answers: Record<string, unknown> = {
      [`/${ENTRA_TENANT}/.well-known/openid-configuration`]: {
        issuer: `https://sts.windows.net/${ENTRA_TENANT}/`,
        jwks_uri: `${entra.authority}/keys`,
      },
      [`/${ENTRA_TENANT}/v2.0/.well-known/openid-configuration`]: {
        issuer: entra.issuer,
        jwks_uri: `${entra.authority}/keys`,
      },
      '/keys': entra.keySet(),
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const authority = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const entra: EntraIssuer = {
    authority,
    issuer: `${authority}/${ENTRA_TENANT}/v2.0`,
    env: { ENTRA_TENANT_ID: ENTRA_TENANT, ENTRA_AUDIENCE: AUDIENCE, ENTRA_AUTHORITY: authority },
    requests: 0,
    isUp: true,
    async token({ claims, kid = signing.kid, expiresIn = 3600 } = {}) {
      const now = Math.floor(Date.now() / 1000);
      const usual = {
        iss: entra.issuer,
        aud: AUDIENCE,
        tid: ENTRA_TENANT,
        oid: randomUUID(),
        azp: randomUUID(),
        sub: randomUUID(),
        roles: ['OpenAI.Contributor'],
        iat: now,
        nbf: now,
        exp: now + expiresIn,
      };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
        .sign(signing.privateKey);
    },
    async rotate({ keepOld = true } = {}) {
      if (!keepOld) published.length = 0;
      await newKey();
    },
    keySet: () => ({ keys: published }),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return entra;
}
