/**
 * A host with a scripted upstream for a file of contract tests. Whatever goes through its clients is checked against the contract: the
 * schema of every answer, the headers of every answer, and every stream.
 */
import OpenAI, { AzureOpenAI } from 'openai';
import { z } from 'zod';
import { errorResponse } from '../../src/wire/common';
import { faultsOf } from './contractFaults';
import { answerSchema, belowBase } from './contractSchemas';
import { readEvents, streamFaults } from './contractStream';
import { startHost, type Host, type Tenant } from './host';
import { answerFaultsOf, sideOf } from './publishedResponses';
import { PublishedSchemas } from './publishedSchemas';
import { responseStreamFaults } from './responseStream';
import { startScriptedUpstream, type ScriptedUpstream } from './scriptedUpstream';

export type Sdk = 'OpenAI' | 'AzureOpenAI';
/** For `describe.each`: the rules of a suite hold for both classes of the SDK. */
export const sdks: Sdk[] = ['OpenAI', 'AzureOpenAI'];
export const API_VERSION = '2025-04-01-preview';

/** Undefined where the folder with the specification is not there. */
export const publishedSchemas = PublishedSchemas.read();

export interface ContractSuite {
  readonly upstream: ScriptedUpstream;
  readonly host: Host;
  /** A client without retries, whose every answer is checked after the test. */
  client(sdk?: Sdk, tenant?: Tenant): OpenAI;
  /** Sends a request with the tenant's key; its answer is checked as those of the clients are. */
  send(method: string, path: string, options?: SendOptions): Promise<Response>;
}

export interface SendOptions {
  /** Sent as JSON, unless it is a string, bytes or a form. */
  body?: unknown;
  headers?: Record<string, string>;
  tenant?: Tenant;
}

/** Starts the host before the tests of a file and ends it after them. */
export function contractSuite(env: Record<string, string> = {}): ContractSuite {
  const answers = checkedAnswers();
  let running: { upstream: ScriptedUpstream; host: Host } | undefined;
  const started = () => {
    if (!running) throw new Error('The suite has not started yet.');
    return running;
  };
  beforeAll(async () => {
    const upstream = await startScriptedUpstream();
    const upstreamEnv = {
      OPENAI_BASE_URL: upstream.url,
      OPENAI_API_KEY: 'upstream-key',
      EMBEDDING_DEPLOYMENT: 'embed',
    };
    running = { upstream, host: await startHost({ env: { ...upstreamEnv, ...env } }) };
  }, 60_000);
  afterEach(async () => {
    running?.upstream.reset();
    expect(await answers.faults()).toEqual([]);
  });
  afterAll(async () => {
    await running?.host.stop();
    await running?.upstream.close();
  });
  return {
    get upstream() {
      return started().upstream;
    },
    get host() {
      return started().host;
    },
    client(sdk = 'OpenAI', tenant = 'alpha') {
      const { host } = started();
      const common = { apiKey: host.key(tenant), maxRetries: 0, fetch: answers.fetch };
      if (sdk === 'OpenAI') return new OpenAI({ ...common, baseURL: `${host.url}/v1` });
      return new AzureOpenAI({ ...common, endpoint: host.url, apiVersion: API_VERSION });
    },
    async send(method, path, { body, headers = {}, tenant = 'alpha' } = {}) {
      const { host } = started();
      const isPlain =
        body === undefined || typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData;
      const type: Record<string, string> = isPlain ? {} : { 'content-type': 'application/json' };
      return answers.fetch(`${host.url}${path}`, {
        method,
        headers: { 'api-key': host.key(tenant), ...type, ...headers },
        body: isPlain ? body : JSON.stringify(body),
      });
    },
  };
}

/** A `fetch` that looks at copies of the answers, and the faults it found since the last call of `faults`. */
function checkedAnswers() {
  const checks: Promise<string[]>[] = [];
  const checkedFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const response = await fetch(input, init);
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET');
    const { pathname, protocol } = new URL(input instanceof Request ? input.url : input);
    // The SDK fetches a data: URL to find out what its fetch can do.
    if (protocol === 'data:') return response;
    const named = (faults: string[]) => faults.map((fault) => `${method} ${pathname} ${response.status}: ${fault}`);
    checks.push(answerFaults(method, pathname, response.clone()).then(named));
    return response;
  };
  return {
    fetch: checkedFetch,
    faults: async () => (await Promise.all(checks.splice(0))).flat(),
  };
}

const RESPONSES = /^\/responses(?:\/|$)/;

function responseFaults(pathname: string, body: unknown): string[] {
  const path = belowBase(pathname);
  if (/^\/responses\/[^/]+\/input_items$/.test(path)) return answerFaultsOf(sideOf(pathname), 'itemList', body);
  const isResponse = RESPONSES.test(path) && !path.endsWith('/input_tokens');
  return isResponse ? answerFaultsOf(sideOf(pathname), 'response', body) : [];
}

async function answerFaults(method: string, pathname: string, response: Response): Promise<string[]> {
  const { headers, status } = response;
  const ids = [headers.get('x-request-id'), headers.get('apim-request-id')];
  const faults = ids[0] && ids[0] === ids[1] ? [] : [`request ids ${ids.join(', ')}`];
  const type = headers.get('content-type') ?? '';
  // A delete tells a missing response in both readings of the contract (oddity O23).
  const isRepeated = method === 'DELETE' && sideOf(pathname) === 'azure' && RESPONSES.test(belowBase(pathname));
  const failure = isRepeated ? errorResponse.extend({ code: z.string(), message: z.string() }) : errorResponse;
  const schema = status >= 400 ? failure : answerSchema(method, pathname);
  try {
    if (schema === 'raw') {
      await response.arrayBuffer();
    } else if (type.startsWith('text/event-stream')) {
      const events = readEvents(await response.text());
      if (RESPONSES.test(belowBase(pathname))) return [...faults, ...responseStreamFaults(sideOf(pathname), events)];
      faults.push(...streamFaults(events));
      for (const { event, data } of events) faults.push(...(publishedSchemas?.eventFaults(event, data) ?? []));
    } else if (!/^application\/json\b/.test(type)) {
      faults.push(`content type '${type}'`);
    } else if (!schema) {
      faults.push('is no operation of the contract');
    } else {
      const body: unknown = JSON.parse(await response.text());
      const published = publishedSchemas?.answerFaults(method, belowBase(pathname), status, body) ?? [];
      faults.push(...faultsOf(schema, body), ...published);
      if (status < 400) faults.push(...responseFaults(pathname, body));
    }
  } catch (error) {
    // The test itself left in mid-stream.
    if (!(error instanceof Error && error.name === 'AbortError')) throw error;
  }
  return faults;
}
