import type { BindingInfo } from '../../src/localHost/coreTypes';
import { buildFunctionTable, HostStartError } from '../../src/localHost/functionTable';
import type { RegisteredFunction } from '../../src/localHost/functionsCore';
import { decodePath, Router } from '../../src/localHost/router';

const binding = (type: string, options: object = {}): BindingInfo => ({
  type,
  direction: 'in',
  name: 'in1',
  ...options,
});

function registered(name: string, trigger: BindingInfo, more: Record<string, BindingInfo> = {}): RegisteredFunction {
  return { metadata: { name, bindings: { in1: trigger, ...more } }, callback: () => undefined };
}

const http = (name: string, route?: string, methods?: string[]) =>
  registered(name, binding('httpTrigger', { route, methods }));

function setUp(functions: RegisteredFunction[], prefix = '') {
  const errors: string[] = [];
  const onError = (name: string, message: string) => void errors.push(`${name}: ${message}`);
  const table = buildFunctionTable(functions, {}, onError);
  return { table, errors, router: new Router(table.http, prefix, onError) };
}

describe('Router', () => {
  it('tries functions in the order of their names, ignoring case, however they were registered', () => {
    const { router } = setUp([http('zeta', 'x/literal'), http('Beta', 'x/{id}'), http('alpha_1', 'x/{*rest}')]);
    expect(router.match('GET', '/x/literal')?.entry.name).toBe('alpha_1');
  });

  it('sorts an underscore behind letters', () => {
    const { router } = setUp([http('a_b', '{x}'), http('aZ', '{y}')]);
    expect(router.match('GET', '/1')?.entry.name).toBe('aZ');
  });

  it('goes on to the next route when the method differs', () => {
    const { router } = setUp([http('a', '{x}', ['POST']), http('b', '{*x}', ['get'])]);
    expect(router.match('GET', '/1')?.entry.name).toBe('b');
    expect(router.match('PUT', '/1')).toBeUndefined();
  });

  it('puts the prefix before every route, and names a function without a route by its name', () => {
    const { router } = setUp([http('hello'), http('blank', ' ')], '/api/');
    expect(router.match('POST', '/api/HELLO')?.entry.name).toBe('hello');
    expect(router.match('GET', '/api/blank')?.entry.name).toBe('blank');
    expect(router.match('GET', '/hello')).toBeUndefined();
  });

  it('leaves a function out whose route is taken, reserved or malformed', () => {
    const { router, errors } = setUp([
      http('a', 'same', ['GET']),
      http('b', 'SAME', ['GET', 'POST']),
      http('c', 'same', ['PUT']),
      http('d', 'Runtime/x'),
      http('e', '{id:nonsense}'),
    ]);
    expect(errors).toEqual([
      "b: The route specified conflicts with the route defined by function 'a'.",
      "d: the route 'Runtime/x' conflicts with one or more built in routes.",
      "e: unknown route constraint 'nonsense'.",
    ]);
    expect(router.match('PUT', '/same')?.entry.name).toBe('c');
    expect(router.match('POST', '/same')).toBeUndefined();
  });
});

describe('decodePath', () => {
  it.each([
    ['/a%20b', '/a b'],
    ['/a%2Fb%2fc', '/a%2Fb%2fc'],
    ['/%C3%A4', '/ä'],
    ['/%ff', '/%ff'],
    ['/a/./b/../c', '/a/c'],
    ['/a/%2e%2e/b', '/b'],
    ['/../..', '/'],
    ['/a/b/..', '/a/'],
    ['/.well-known', '/.well-known'],
  ])('reads %s as %s', (path, decoded) => {
    expect(decodePath(path)).toBe(decoded);
  });
});

describe('buildFunctionTable', () => {
  it('leaves out functions with wrong or repeated names and says why', () => {
    const { table, errors } = setUp([http('1st', 'a'), http('host', 'b'), http('good', 'c'), http('GOOD', 'd')]);
    expect([...table.all.keys()]).toEqual(['good']);
    expect(errors).toHaveLength(3);
  });

  it('leaves out disabled functions', () => {
    const env = { 'AzureWebJobs.off.Disabled': 'true' };
    expect(buildFunctionTable([http('off', 'a')], env, () => undefined).http).toEqual([]);
  });

  it('sorts functions by the kind of their trigger', () => {
    const { table } = setUp([
      registered('orchestrate', binding('orchestrationTrigger')),
      registered('act', binding('activityTrigger')),
      registered('tick', binding('timerTrigger')),
      registered('blob', binding('blobTrigger')),
    ]);
    expect(table.orchestrators.get('orchestrate')).toEqual({ name: 'orchestrate', bindingName: 'in1' });
    expect(table.activities.get('act')).toEqual({ name: 'act', bindingName: 'in1' });
    expect([table.timer[0]?.name, table.blob[0]?.name]).toEqual(['tick', 'blob']);
  });

  it('knows durable clients and http answers beside the trigger, and refuses other bindings', () => {
    const answer = { ...binding('http'), direction: 'out' as const };
    const client = { client1: binding('durableClient'), $return: answer };
    const { table } = setUp([registered('a', binding('httpTrigger'), client)]);
    expect(table.http[0]?.durableClients).toEqual(['client1']);
    expect(() => setUp([registered('b', binding('httpTrigger'), { x: binding('table') })])).toThrow(HostStartError);
    expect(() => setUp([registered('c', binding('httpTrigger'), { x: answer })])).toThrow(/output of type 'http'/);
    expect(() => setUp([registered('d', binding('entityTrigger'))])).toThrow(/no trigger of type 'entityTrigger'/);
  });

  it('refuses retry options', () => {
    const entry = registered('a', binding('timerTrigger'));
    const withRetry = { ...entry, metadata: { ...entry.metadata, retryOptions: { maxRetryCount: 1 } } };
    expect(() => setUp([withRetry])).toThrow(/no retry options/);
  });
});
