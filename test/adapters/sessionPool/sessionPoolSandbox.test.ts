import { createHash } from 'node:crypto';
import { sessionPoolSandbox, type SessionPoolOptions } from '../../../src/adapters/sessionPool/sessionPoolSandbox';
import { SandboxUnavailableError, type Sandbox } from '../../../src/tools/ports';
import { describeSandbox, fileOf, LOST, runIn } from '../../conformance/sandbox';
import { POOL_TOKEN, startSessionPool, type SessionPool } from '../../support/sessionPool';

// A session's Python takes two seconds of a processor that others may use too.
jest.setTimeout(120_000);

let pool: SessionPool;
const faults: string[] = [];

beforeAll(async () => {
  pool = await startSessionPool();
});
afterAll(async () => pool.close());

const open = (options: Partial<SessionPoolOptions> = {}): Sandbox =>
  sessionPoolSandbox({
    endpoint: pool.url,
    token: () => Promise.resolve(POOL_TOKEN),
    logFault: (message, error) => faults.push(`${message} ${String(error)}`),
    ...options,
  });

describeSandbox('A session pool', async () => Promise.resolve(open()));
describeSandbox('A session pool that answers late', async () => {
  pool.answersLate = true;
  return Promise.resolve(open());
});

describe('sessionPoolSandbox', () => {
  let sandbox: Sandbox;
  beforeEach(() => {
    pool.answersLate = false;
    pool.requests.length = 0;
    pool.faults.length = 0;
    faults.length = 0;
    sandbox = open();
  });
  afterEach(async () => {
    await sandbox.close();
    pool.maxSessions = 20;
  });

  it('names a session by a hash of its name, which nobody can guess who does not know tenant and thread', async () => {
    const name = JSON.stringify(['team-a', '-', 'thread_1']);
    await runIn(sandbox)('1', { session: name });
    const identifier = createHash('sha256').update(name).digest('hex');
    expect(new Set(pool.requests.map((each) => each.identifier))).toEqual(new Set([identifier]));
    await runIn(sandbox)('1', { session: JSON.stringify(['team-b', '-', 'thread_1']) });
    expect(new Set(pool.requests.map((each) => each.identifier)).size).toBe(2);
  });

  it('goes on with the session of another instance, where files that it placed and code changed stay as they are', async () => {
    const files = [fileOf('1', 'notes.txt', 'first')];
    await runIn(sandbox)('x = 7\nopen("notes.txt", "a").write(" second");', { session: 'shared', files });
    const another = open();
    const next = await runIn(another)('print(x, open("notes.txt").read())', { session: 'shared', files });
    expect(next.output).toBe('7 first second\n');
    expect(pool.requests.filter(({ call }) => call === 'POST /files')).toHaveLength(1);
    await another.close();
  });

  it('hands on an image that the last expression gives', async () => {
    const code = 'class Figure:\n    def _repr_png_(self): return b"a picture"\nFigure()';
    expect(await runIn(sandbox)(code, { session: 'image' })).toEqual({
      output: '',
      written: { '/mnt/data/figure-1.png': 'a picture' },
      more: false,
    });
  });

  it('tells that the code ran too long', async () => {
    const quick = open({ seconds: 1 });
    const { output } = await runIn(quick)('while True: pass', { session: 'slow' });
    expect(output).toMatch(/timed out/);
    expect((await runIn(quick)('print(1)', { session: 'slow' })).output).toMatch(LOST);
    await quick.close();
  });

  it('tells that the session ended while code ran, and begins anew', async () => {
    const run = runIn(sandbox);
    await run('x = 1', { session: 'dying' });
    // The helper's own call comes before that of the code.
    const isCode = () => pool.requests.filter(({ call }) => call === 'POST /executions').length;
    const before = isCode();
    pool.faults.push({ of: 'POST /executions', answer: { status: 500, body: '' }, endsSession: true });
    const { output } = await run('x', { session: 'dying' });
    // The first call is the helper's and is sent again, in a session that is new.
    expect(isCode()).toBeGreaterThan(before + 2);
    expect(output).toMatch(/started anew[^]*NameError/);
  });

  it('begins another session where code has damaged the helper of this one', async () => {
    const run = runIn(sandbox);
    const { output } = await run('import sys\nsys.modules["session_helper_state"].stdout = None', { session: 'harmed' });
    expect(output).toContain('The session does not answer any more. The state of the session is lost.');
    expect((await run('print(1)', { session: 'harmed' })).output).toMatch(/started anew[^]*\n1\n$/);
  });

  it('reports paths of the data folder alone, whatever code makes of the helper', async () => {
    const code =
      'import sys\nstate = sys.modules["session_helper_state"]\nstate.before = type("Odd", (), {"get": lambda self, path: None})()\nopen("a.txt", "w").close()';
    const { written } = await runIn(sandbox)(code, { session: 'odd' });
    expect(written).toEqual({ '/mnt/data/a.txt': '' });
  });

  it.each([
    ['POST /executions', { status: 429, headers: { 'retry-after': '0' } }],
    ['POST /executions', { status: 503, headers: { 'retry-after': '0' } }],
    ['POST /executions', 'break' as const],
    ['POST /files', { status: 500, headers: { 'retry-after': '0' } }],
    ['POST /files', 'break' as const],
  ])('sends again what a passing fault hindered: %s, %j', async (of, answer) => {
    pool.faults.push({ of, answer });
    const files = [fileOf('1', 'a.txt', 'text')];
    const { output } = await runIn(sandbox)('print(open("a.txt").read())', { session: `again ${JSON.stringify([of, answer])}`, files });
    expect(output).toBe('text\n');
    expect(pool.faults).toEqual([]);
  });

  it('says that all sessions are in use, and does not end the sessions that are', async () => {
    await runIn(sandbox)('1', { session: 'first' });
    pool.maxSessions = 0;
    for (let at = 0; at < 5; at += 1)
      pool.faults.push({ of: 'POST /executions', answer: { status: 429, headers: { 'retry-after': '0' }, body: '' } });
    const error = await failureOf(runIn(sandbox)('1', { session: 'second' }));
    expect(error).toBeInstanceOf(SandboxUnavailableError);
    expect(error.message).toMatch(/All sessions of the code interpreter are in use/);
    expect(pool.requests.some(({ call }) => call === 'DELETE /session')).toBe(false);
  });

  it.each([
    [{ token: () => Promise.resolve('wrong') }, /role Azure ContainerApps Session Executor/],
    [{ token: () => Promise.reject(new Error('no identity')) }, /gave no token/],
    [{ endpoint: 'http://127.0.0.1:9/none' }, /cannot be reached/],
  ])('says why it cannot be had: %#', async (options, told) => {
    const other = open(options);
    const error = await failureOf(runIn(other)('1', { session: 'none' }));
    expect(error).toBeInstanceOf(SandboxUnavailableError);
    expect(error.message).toMatch(told);
    await other.close();
  });

  it('ends what runs when it is closed, and takes no more', async () => {
    const other = open();
    await runIn(other)('1', { session: 'closing' });
    const from = pool.requests.length;
    const running = failureOf(runIn(other)('while True: pass', { session: 'closing' }));
    while (!pool.requests.slice(from).some(({ code }) => code === 'while True: pass'))
      await new Promise((resolve) => setTimeout(resolve, 5));
    await other.close();
    expect((await running).message).toBe('The sandbox is closed.');
    expect(pool.requests.at(-1)?.call).toBe('DELETE /session');
    expect((await failureOf(runIn(other)('1'))).message).toBe('The sandbox is closed.');
  });
});

async function failureOf(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('It did not fail.');
}
