/** Whether what the server depends on is there, for probes: each dependency is asked within a time, at most once every few seconds however often probes come. */

export interface CheckResult {
  /** `late`: no answer within the time. */
  status: 'ok' | 'failed' | 'late';
  /** Until the answer, or until it was given up. */
  milliseconds: number;
}

export interface Readiness {
  isReady: boolean;
  /** By the name of the dependency. */
  checks: Record<string, CheckResult>;
}

export interface ReadinessOptions<Context> {
  /** By the name of the dependency: resolves where it is there. */
  checks: Record<string, (context: Context) => Promise<unknown>>;
  /** Milliseconds that the checks together may take; default 5,000. */
  timeLimitMs?: number;
  /** Milliseconds in which a result is given again; default 5,000. */
  keptMs?: number;
  /** Unix milliseconds. */
  now: () => number;
  logFault: (message: string, error: unknown) => void;
}

/** Gives the readiness; never throws. A dependency that did not answer yet is not asked again, so that those which hang do not pile up. */
export function createReadiness<Context>(options: ReadinessOptions<Context>): (context: Context) => Promise<Readiness> {
  const { timeLimitMs = 5_000, keptMs = 5_000, now } = options;
  const asking = new Map<string, Promise<CheckResult>>();
  let last: { at: number; readiness: Promise<Readiness> } | undefined;

  async function ask(
    name: string,
    check: (context: Context) => Promise<unknown>,
    context: Context,
  ): Promise<CheckResult> {
    const began = now();
    try {
      await check(context);
      return { status: 'ok', milliseconds: now() - began };
    } catch (error) {
      options.logFault(`The server is not ready: ${name} failed.`, error);
      return { status: 'failed', milliseconds: now() - began };
    } finally {
      asking.delete(name);
    }
  }

  async function askAll(context: Context): Promise<Readiness> {
    const settled = new AbortController();
    const late = new Promise<CheckResult>((resolve) => {
      const timer = setTimeout(() => resolve({ status: 'late', milliseconds: timeLimitMs }), timeLimitMs);
      settled.signal.addEventListener('abort', () => clearTimeout(timer));
    });
    const results = await Promise.all(
      Object.entries(options.checks).map(async ([name, check]) => {
        const answer = asking.get(name) ?? ask(name, check, context);
        asking.set(name, answer);
        return [name, await Promise.race([answer, late])] as const;
      }),
    );
    settled.abort();
    return { isReady: results.every(([, { status }]) => status === 'ok'), checks: Object.fromEntries(results) };
  }

  return async (context) => {
    // Below zero where the clock was set back.
    const age = last ? now() - last.at : Infinity;
    if (!last || age < 0 || age >= keptMs) last = { at: now(), readiness: askAll(context) };
    return last.readiness;
  };
}
