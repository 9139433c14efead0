/** What MongoDB's driver throws, as errors for the caller of a source. Nothing of the connection string gets into them. */
import { MongoNetworkError, MongoNetworkTimeoutError, MongoServerError, MongoServerSelectionError } from 'mongodb';
import { SourceError } from '../../dataSources/ports';
import { paramOf } from './sourceCalls';

/** How a source calls itself and its parameters in messages. */
export interface MongoSourceNames {
  /** Such as `MongoDB at cluster0.example.net`. */
  source: string;
  address: string;
  authentication: string;
  database: string;
  collection: string;
  index: string;
  vectorFields: string;
}

/** Of MongoDB's error_codes.yml, and 8000 of Atlas. */
const AUTHENTICATION = new Set([11, 13, 18, 334]);
const ATLAS_ERROR = 8000;
/** 16500 of Cosmos DB; 462 of MongoDB 8.2; 489 of Atlas when queries come faster than its search can work. */
const RATE_LIMITED = new Set([462, 489, 16_500]);
const TIMED_OUT = new Set([50, 89, 202, 262]);
const NOT_FOUND = new Set([26, 27]);
/** Of a deployment that changes or stops. */
const UNAVAILABLE = new Set([6, 7, 91, 189, 9001, 10_107, 11_600, 11_602, 13_435, 13_436]);
/** Stages that the deployment does not know: no search, or an edition without it. */
const WITHOUT_SEARCH = new Set([59, 115, 31_082, 40_324, 6_047_401]);

/** The error of the source that an error of the driver means; errors of a source only gain its name. */
export function mongoFailure(error: unknown, names: MongoSourceNames): SourceError {
  const failed = (kind: SourceError['kind'], message: string, param: string = names.address): SourceError =>
    new SourceError(kind, `${names.source} ${message}`, param, { cause: error });
  if (error instanceof SourceError) {
    if (error.param) return error;
    return new SourceError(error.kind, `${names.source}: ${error.message}`, names.address, { cause: error });
  }
  if (error instanceof MongoServerError) return serverFailure(error, names, failed);
  if (isAddressError(error)) {
    return failed('invalid', 'cannot be addressed so: the address, an option of it or the database name is not valid.');
  }
  const causes = [...causesOf(error)];
  const refusal = causes.find((cause) => cause instanceof SourceError);
  if (refusal) return mongoFailure(refusal, names);
  const reason = causes.map(codeOf).findLast(Boolean) ?? '';
  if (/CERT|TLS|SSL|EPROTO/.test(reason)) {
    return failed(
      'unavailable',
      `has no valid TLS connection to offer (${reason}); check its address, port and certificate.`,
    );
  }
  if (error instanceof MongoServerSelectionError) {
    const timedOut = /TIMEDOUT/.test(reason) || reason === '';
    return timedOut
      ? failed(
          'timeout',
          'has no server that answers in time; check its address, and that its firewall lets this server in.',
        )
      : failed('unavailable', `cannot be reached (${reason}); check its address, and that it runs.`);
  }
  if (error instanceof MongoNetworkTimeoutError || isTimeout(error)) {
    return failed('timeout', 'did not answer in time; try again.');
  }
  if (error instanceof MongoNetworkError) return failed('unavailable', 'broke the connection; try again.');
  return failed('unavailable', `cannot be reached${reason && ` (${reason})`}; check its address, and that it runs.`);
}

function serverFailure(
  error: MongoServerError,
  names: MongoSourceNames,
  failed: (kind: SourceError['kind'], message: string, param?: string) => SourceError,
): SourceError {
  const code = Number(error.code);
  const said = error.message;
  if (AUTHENTICATION.has(code) || (code === ATLAS_ERROR && /auth|not allowed|not authorized/i.test(said))) {
    return code === 13 || /not allowed|not authorized/i.test(said)
      ? failed(
          'authentication',
          'does not let this user read the collection; grant it the role read.',
          names.authentication,
        )
      : failed('authentication', 'refuses the user or password; check them.', names.authentication);
  }
  if (RATE_LIMITED.has(code) || /\b429\b|TooManyRequests|request rate is large/i.test(said)) {
    return failed('rate_limited', 'is asked too often for its size; try again later.');
  }
  if (TIMED_OUT.has(code)) return failed('timeout', 'did not answer in time; try again.');
  if (/dimensions/i.test(said)) {
    const [indexed, queried] = [...said.matchAll(/(\d+)(?! *%)/g)].map(([digits]) => digits);
    const sizes = indexed && queried ? `: it is indexed with ${indexed}, the query's has ${queried}` : '';
    return failed(
      'invalid',
      `has vectors of other dimensions${sizes}. Use the embedding model that made its vectors, or set dimensions.`,
      paramOf('embedding_dependency'),
    );
  }
  if (/not indexed as (knnV|v)ector/i.test(said)) {
    return failed(
      'invalid',
      'has a vector field that the index does not cover; name one it covers.',
      names.vectorFields,
    );
  }
  if (/similarity index was not found/i.test(said)) {
    return failed(
      'not_found',
      'has no vector index on the vector field; create it, or name another field.',
      names.vectorFields,
    );
  }
  if (NOT_FOUND.has(code)) {
    return failed(
      'not_found',
      `has no such database or collection; check ${names.database} and ${names.collection}.`,
      names.collection,
    );
  }
  if (WITHOUT_SEARCH.has(code)) return failed('invalid', 'offers no vector search; use a deployment that does.');
  if (UNAVAILABLE.has(code)) return failed('unavailable', 'is not available; try again.');
  // The source's own text may quote anything, its name of the error may not.
  const name = /^\w{1,40}$/.test(error.codeName ?? '') ? ` ${error.codeName}` : '';
  return failed(
    'invalid',
    `refuses the query (error ${code}${name}); check fields_mapping and ${names.index}.`,
    names.index,
  );
}

/** The error and what caused it, innermost last; of a selection that failed, what each server failed with. */
function* causesOf(error: unknown, depth = 0): Generator<object> {
  if (depth > 8 || typeof error !== 'object' || error === null) return;
  yield error;
  const servers = error instanceof MongoServerSelectionError ? error.reason?.servers.values() : undefined;
  for (const server of servers ?? []) yield* causesOf(server.error, depth + 1);
  if ('cause' in error) yield* causesOf(error.cause, depth + 1);
}

/** The code of Node.js or OpenSSL, such as `ECONNREFUSED`. */
const codeOf = (error: object): string | undefined =>
  'code' in error && typeof error.code === 'string' && /^\w{1,60}$/.test(error.code) ? error.code : undefined;

/** By name: the parser of connection strings is a library of its own, with a class of its own. */
const isAddressError = (error: unknown): boolean =>
  error instanceof Error && /^Mongo(Parse|InvalidArgument|API)Error$/.test(error.name);

const isTimeout = (error: unknown): boolean =>
  error instanceof Error &&
  /Timeout(Error)?$|^MongoWaitQueueTimeoutError$|^MongoOperationTimeoutError$/.test(error.name);
