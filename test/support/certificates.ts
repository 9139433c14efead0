/** A certificate authority of the tests' own: clients trust it, and hosts serve with what it issues. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;
const AUTHORITY = 'CN=Tests of azure-openai-functions';

/** The files of an authority and of a host that it vouches for. */
export interface Certificates {
  /** PEM, for the `ca` of clients. */
  ca: string;
  /** The same in a file, for NODE_EXTRA_CA_CERTS. */
  caFile: string;
  /** Settings of a host at 127.0.0.1 and localhost. */
  env: { TLS_CERT_FILE: string; TLS_KEY_FILE: string };
  /** Where the files are. */
  folder: string;
  remove: () => Promise<void>;
}

/** Makes an authority and a certificate that it issues for this machine. */
export async function makeCertificates(): Promise<Certificates> {
  const [authority, host] = [await newKeys(), await newKeys()];
  const validity = { notBefore: new Date(Date.now() - DAY_MS), notAfter: new Date(Date.now() + DAY_MS) };
  const root = await X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: AUTHORITY,
    keys: authority,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  const issued = await X509CertificateGenerator.create({
    ...validity,
    subject: 'CN=localhost',
    issuer: AUTHORITY,
    publicKey: host.publicKey,
    signingKey: authority.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ]),
    ],
  });
  const folder = await mkdtemp(join(tmpdir(), 'certificates-'));
  const put = async (name: string, text: string): Promise<string> => {
    const file = join(folder, name);
    await writeFile(file, text);
    return file;
  };
  const ca = root.toString('pem');
  return {
    ca,
    caFile: await put('authority.pem', ca),
    env: {
      TLS_CERT_FILE: await put('host.pem', issued.toString('pem')),
      TLS_KEY_FILE: await put('host.key', await keyText(host.privateKey)),
    },
    folder,
    remove: async () => rm(folder, { recursive: true }),
  };
}

const newKeys = async (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);

async function keyText(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${bytes.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
