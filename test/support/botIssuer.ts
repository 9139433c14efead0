/** A Bot Framework of its own on 127.0.0.1: metadata, endorsed keys, and tokens to order. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK, JWTPayload } from 'jose';

export const BOT_APP_ID = 'bbbbbbbb-0000-4000-8000-000000000001';
export const SERVICE_URL = 'https://smba.example/emea/';

export interface BotIssuer {
  issuer: string;
  /** The settings of a host that has the bot, in tenant `alpha` and project `p1`. */
  env: Record<string, string>;
  /** A token for {@link BOT_APP_ID}, with claims that replace or, undefined, remove the usual ones. */
  token(claims?: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

/** Starts it. Its key may sign for those channels; null: it names none. */
export async function startBotIssuer(endorsements: string[] | null = ['msteams', 'webchat']): Promise<BotIssuer> {
  const { exportJWK, generateKeyPair, SignJWT } = await import('jose');
  const { privateKey, publicKey } = await generateKeyPair('RS256');
  const kid = randomUUID();
  const key: JWK = { ...(await exportJWK(publicKey)), kid, use: 'sig', ...(endorsements && { endorsements }) };
  const issuer = 'https://api.botframework.example';
  const server = createServer((request, response) => {
    const answers: Record<string, unknown> = {
      '/v1/.well-known/openidconfiguration': { issuer, jwks_uri: `${origin}/v1/.well-known/keys` },
      '/v1/.well-known/keys': { keys: [key] },
    };
    const answer = answers[request.url ?? ''];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    issuer,
    env: {
      BOT_APP_ID,
      BOT_TENANT: 'alpha',
      BOT_PROJECT: 'p1',
      BOT_METADATA_URL: `${origin}/v1/.well-known/openidconfiguration`,
    },
    async token(claims = {}) {
      const now = Math.floor(Date.now() / 1000);
      const usual = { iss: issuer, aud: BOT_APP_ID, serviceurl: SERVICE_URL, nbf: now, exp: now + 3600 };
      return new SignJWT({ ...usual, ...claims })
        .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
        .sign(privateKey);
    },
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
