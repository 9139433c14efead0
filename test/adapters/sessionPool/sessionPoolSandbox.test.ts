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

  it('names a session by a hash of its name, which holds the tenant, and asks again for what still runs', async () => {
    const name = JSON.stringify(['team-a', '-', 'thread_1']);
    pool.answersLate = true;
    expect((await runIn(sandbox)('1', { session: name })).output).toBe('1\n');
    pool.answersLate = false;
    const identifier = createHash('sha256').update(name).digest('hex');
    expect(new Set(pool.requests.map((each) => each.identifier))).toEqual(new Set([identifier]));
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
    expect(await runIn(sandbox)(code, { session: 'shared' })).toEqual({
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
    pool.faults.push({ of: 'POST /executions', after: 1, answer: { status: 500 }, endsSession: true });
    const { output } = await run('x', { session: 'dying' });
    expect(output).toBe('\n[The Python session ended unexpectedly (500). The state of the session is lost.]\n');
    expect(faults).toEqual([expect.stringContaining('A session ended while code ran in it')]);
    expect((await run('print(1)', { session: 'dying' })).output).toMatch(/started anew[^]*\n1\n$/);
  });

  it('believes no path beyond the data folder, and ends a session whose code tells some', async () => {
    const code = `
import sys
class Liar:
    def __init__(self, real): self.real = real
    def write(self, text): self.real.write(text.replace('/mnt/data/a.txt', '/etc/passwd'))
    def flush(self): pass
state = sys.modules['session_helper_state']
state.stdout = Liar(state.stdout)
open('a.txt', 'w').close()`;
    const { output, written } = await runIn(sandbox)(code, { session: 'shared' });
    expect(written).toEqual({});
    expect(output).toContain('The session does not answer any more. The state of the session is lost.');
    const next = await runIn(sandbox)('print(1)', { session: 'shared' });
    expect(next.output).toMatch(/started anew[^]*\n1\n$/);
  });

  it.each([
    ['POST /executions', { status: 429, headers: { 'retry-after': '0' } }],
    ['POST /executions', { status: 503, headers: { 'retry-after': '0' } }],
    ['POST /executions', 'break' as const],
    ['POST /files', { status: 500, headers: { 'retry-after': '0' } }],
    ['POST /files', 'break' as const],
  ])('sends again what a passing fault hindered: %s, %j', async (of, answer) => {
    pool.faults.push({ of, answer });
    const files = [fileOf(JSON.stringify([of, answer]), 'b.txt', 'text')];
    const { output } = await runIn(sandbox)('print(open("b.txt").read())', { session: 'again', files });
    expect(output).toBe('text\n');
    expect(pool.faults).toEqual([]);
  });

  it('says that all sessions are in use, and does not end the sessions that are', async () => {
    await runIn(sandbox)('1', { session: 'shared' });
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
    await runIn(other)('1', { session: 'shared' });
    const from = pool.requests.length;
    const running = failureOf(runIn(other)('while True: pass', { session: 'shared' }));
    const hasBegun = () => pool.requests.slice(from).some(({ code }) => code === 'while True: pass');
    for (let looks = 0; looks < 2_000 && !hasBegun(); looks += 1)
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
