/** The server's side of SCRAM-SHA-256 (RFC 5802, RFC 7677). It keeps no password, as MongoDB does not. */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';

export interface ScramUser {
  salt: Buffer;
  storedKey: Buffer;
  serverKey: Buffer;
}

const ITERATIONS = 4_096;

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** Passwords are of ASCII, which SASLprep leaves as they are. */
export function scramUser(password: string): ScramUser {
  const salt = randomBytes(28);
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest();
  return { salt, storedKey, serverKey: hmac(salted, 'Server Key') };
}

/** One conversation. Its steps give undefined where the client fails. */
export class ScramConversation {
  private readonly users: ReadonlyMap<string, ScramUser>;
  private firstBare = '';
  private serverFirst = '';
  private nonce = '';
  user = '';

  constructor(users: ReadonlyMap<string, ScramUser>) {
    this.users = users;
  }

  first(message: string): string | undefined {
    const parts = /^n,,(n=([^,]*),r=([^,]+))$/.exec(message);
    const [, bare = '', name = '', clientNonce = ''] = parts ?? [];
    this.user = name.replaceAll('=2C', ',').replaceAll('=3D', '=');
    const user = this.users.get(this.user);
    if (!user) return undefined;
    this.firstBare = bare;
    this.nonce = clientNonce + randomBytes(18).toString('base64');
    this.serverFirst = `r=${this.nonce},s=${user.salt.toString('base64')},i=${ITERATIONS}`;
    return this.serverFirst;
  }

  final(message: string): string | undefined {
    const parts = /^(c=biws,r=([^,]+)),p=(.+)$/.exec(message);
    const [, withoutProof = '', nonce, proof = ''] = parts ?? [];
    const user = this.users.get(this.user);
    if (!user || nonce !== this.nonce) return undefined;
    const authMessage = `${this.firstBare},${this.serverFirst},${withoutProof}`;
    const signature = hmac(user.storedKey, authMessage);
    const given = Buffer.from(proof, 'base64');
    if (given.length !== signature.length) return undefined;
    const clientKey = Buffer.from(signature.map((byte, index) => byte ^ (given[index] ?? 0)));
    if (!timingSafeEqual(createHash('sha256').update(clientKey).digest(), user.storedKey)) return undefined;
    return `v=${hmac(user.serverKey, authMessage).toString('base64')}`;
  }
}
