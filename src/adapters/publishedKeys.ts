/** Signing keys that authorities publish by OpenID Connect metadata, fetched on need and kept. */
import { z } from 'zod';
import { errors } from '../errors';
import { ForeignIssuerError, type SigningKeys } from '../identity/ports';
import { readText } from './answerBody';

/** Keys are asked for again after an hour; they serve a day while the authority does not answer. */
const REFRESH_MS = 60 * 60_000;
const MAX_AGE_MS = 24 * REFRESH_MS;
/** So soon after a failure nobody is asked again, lest every request wait for a dead authority. */
const AFTER_FAILURE_MS = 5_000;
/** At most so often an unknown key sends for new ones: anyone can make tokens that name one. */
const UNKNOWN_KEY_MS = 10_000;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 512 * 1024;

const metadataSchema = z.object({ issuer: z.string().min(1), jwks_uri: z.url() });
/** `endorsements`: the channels that a key of the Bot Framework may sign for. */
const keysSchema = z.object({
  keys: z
    .array(
      z.looseObject({
        kty: z.string(),
        kid: z.string().optional(),
        endorsements: z.array(z.string()).max(1000).optional(),
      }),
    )
    .max(100),
});

type KeySet = Awaited<ReturnType<typeof keySet>>;
type KeySets = ReadonlyMap<string, KeySet>;

export interface PublishedKeysOptions {
  /** Who publishes them, for messages: `Entra ID`. */
  owner: string;
  /** Whose issuers they are, for messages: `the Entra tenant`. */
  issuersOf: string;
  /** Where they are asked for, for messages. */
  address: string;
  /** Of each issuer: the address of its metadata, and whether what that names may be its issuer. */
  metadata: { url: string; isIssuer: (issuer: string) => boolean }[];
  /** Unix milliseconds. */
  now: () => number;
  /** Told of a refresh that failed while the old keys go on. */
  logFault: (message: string, error: unknown) => void;
}

/** Keys by issuer. Nothing is fetched before the first token. */
export function publishedKeys({
  owner,
  issuersOf,
  address,
  metadata,
  now,
  logFault,
}: PublishedKeysOptions): SigningKeys {
  let known: { sets: KeySets; readAt: number } | undefined;
  let failure: { error: unknown; at: number } | undefined;
  let unknownAt = -Infinity;
  let loading: Promise<KeySets> | undefined;

  /** Milliseconds; a time to come is one of a clock that was set back since, and long ago. */
  const since = (time: number): number => (time <= now() ? now() - time : Infinity);

  const readAll = async (): Promise<KeySets> =>
    new Map(await Promise.all(metadata.map(async ({ url, isIssuer }) => readIssuer(url, isIssuer))));

  const load = async (): Promise<KeySets> =>
    (loading ??= readAll()
      .then(
        (sets) => {
          known = { sets, readAt: now() };
          failure = undefined;
          return sets;
        },
        (cause: unknown) => {
          failure = { error: errors.authorityUnreachable(owner, address, cause), at: now() };
          throw failure.error;
        },
      )
      .finally(() => {
        loading = undefined;
      }));

  async function current(): Promise<KeySets> {
    const age = known ? now() - known.readAt : Infinity;
    const mayAsk = !failure || since(failure.at) >= AFTER_FAILURE_MS;
    if (known && age < MAX_AGE_MS) {
      if ((age >= REFRESH_MS || age < 0) && mayAsk && !loading)
        load().catch((error: unknown) =>
          logFault(`The keys of ${owner} cannot be refreshed; the old ones go on.`, error),
        );
      return known.sets;
    }
    if (!mayAsk) throw failure?.error;
    return load();
  }

  /** Keys newer than those that lack one, where it may be asked; otherwise undefined. */
  async function newer(): Promise<KeySets | undefined> {
    if (!loading) {
      if (since(unknownAt) < UNKNOWN_KEY_MS) return undefined;
      unknownAt = now();
    }
    return load().catch((error: unknown) => {
      logFault(`${owner} cannot be asked for a key that a token names.`, error);
      return undefined;
    });
  }

  function setOf(sets: KeySets, issuer: string): KeySet {
    const set = sets.get(issuer);
    if (!set) throw new ForeignIssuerError(issuer, issuersOf);
    return set;
  }

  return {
    async find(issuer, header, token) {
      const { errors: jose } = await import('jose');
      const set = setOf(await current(), issuer);
      try {
        return await set.find(header, token);
      } catch (error) {
        if (!(error instanceof jose.JWKSNoMatchingKey)) throw error;
        const sets = await newer();
        if (!sets) throw error;
        return setOf(sets, issuer).find(header, token);
      }
    },
    endorsements: async (issuer, kid) => setOf(await current(), issuer).endorsements(kid),
  };
}

async function readIssuer(url: string, isIssuer: (issuer: string) => boolean) {
  const { issuer, jwks_uri } = metadataSchema.parse(await readJson(url));
  if (!isIssuer(issuer)) throw new Error(`${url} names the issuer '${issuer.slice(0, 200)}'.`);
  if (new URL(jwks_uri).protocol !== new URL(url).protocol) throw new Error(`${url} has its keys at ${jwks_uri}.`);
  return [issuer, await keySet(keysSchema.parse(await readJson(jwks_uri)))] as const;
}

async function keySet({ keys }: z.output<typeof keysSchema>) {
  const { createLocalJWKSet } = await import('jose');
  return {
    find: createLocalJWKSet({ keys }),
    endorsements: (kid: string | undefined) => keys.find((key) => key.kid === kid)?.endorsements,
  };
}

async function readJson(url: string): Promise<unknown> {
  const answer = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (answer.status !== 200 || !answer.body) {
    await answer.body?.cancel();
    throw new Error(`${url} answered ${answer.status}.`);
  }
  const { text, complete } = await readText(answer.body, MAX_BYTES);
  if (!complete) throw new Error(`${url} answered more than ${MAX_BYTES} bytes.`);
  return JSON.parse(text);
}
