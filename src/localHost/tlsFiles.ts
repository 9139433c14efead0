/** The certificate and the key with which the local host serves HTTPS. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { ConfigError } from '../configError';

/** Paths of PEM files: a certificate, with those between it and its authority behind it, and its private key. */
export interface TlsFiles {
  certFile: string;
  keyFile: string;
}

/** What the files hold. */
export interface TlsIdentity {
  cert: Buffer;
  key: Buffer;
}

/** Reads the files and checks that they go together. Throws {@link ConfigError} naming TLS_CERT_FILE or TLS_KEY_FILE. */
export async function readTlsFiles({ certFile, keyFile }: TlsFiles): Promise<TlsIdentity> {
  const cert = await read('TLS_CERT_FILE', certFile);
  const key = await read('TLS_KEY_FILE', keyFile);
  const certificate = parsed(
    () => new X509Certificate(cert),
    'TLS_CERT_FILE',
    `'${certFile}' must hold a certificate as PEM text`,
  );
  const privateKey = parsed(
    () => createPrivateKey(key),
    'TLS_KEY_FILE',
    `'${keyFile}' must hold a private key as PEM text, without a passphrase`,
  );
  if (!certificate.checkPrivateKey(privateKey))
    throw new ConfigError('TLS_KEY_FILE', `'${keyFile}' is not the key of the certificate in TLS_CERT_FILE.`);
  // What Node's TLS refuses beyond that, such as a certificate that is not PEM, or one with a key that is too short.
  parsed(() => createSecureContext({ cert, key }), 'TLS_CERT_FILE', `'${certFile}' cannot be served with`);
  return { cert, key };
}

async function read(setting: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new ConfigError(setting, `'${file}' cannot be read (${reasonOf(error)}).`);
  }
}

function parsed<T>(parse: () => T, setting: string, otherwise: string): T {
  try {
    return parse();
  } catch (error) {
    throw new ConfigError(setting, `${otherwise} (${reasonOf(error)}).`);
  }
}

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
