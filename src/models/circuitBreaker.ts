/**
 * What is known of the health of each backend and deployment, in this process. After five failures in a row, or five answers in a row that broke off, a route is left
 * alone for 15 s; then one call every five seconds probes it, until one is answered. A service that asked for patience rests for as long.
 */

/** Failures in a row that open the circuit. */
const FAILURES = 5;
const OPEN_MS = 15_000;
/** From one probe to the next where the first has no answer yet: models may think for minutes. */
const PROBE_MS = 5_000;
/** Routes that are remembered: callers can make up names where a backend takes every one. */
const MAX_ROUTES = 1_000;
/** Timers fire up to a millisecond early. */
const TOLERANCE_MS = 2;

interface State {
  /** Calls in a row that were not answered, or with a status of 500 or more. */
  failures: number;
  /** Answers in a row that broke off after they had begun. */
  breaks: number;
  /** Unix milliseconds of the failure that opened or kept open the circuit. */
  openedAt: number;
  /** Unix milliseconds of the last probe that is under way, 0 if none is. */
  probedAt: number;
  /** Unix milliseconds in which the service asked to be left alone. */
  restsFrom: number;
  restsUntil: number;
  /** It was told that the circuit opened, and not yet that the failures are over. */
  isTold: boolean;
}

const well: State = { failures: 0, breaks: 0, openedAt: 0, probedAt: 0, restsFrom: 0, restsUntil: 0, isTold: false };

export interface CircuitBreaker {
  /** Whether a call may begin now. */
  admits(id: string): boolean;
  /** A call begins; must be followed by `answered`, `rests`, `failed` or `abandoned`. */
  begin(id: string): void;
  /** The service is there, whatever it says to this one call. Must be followed by `completed`, `brokeOff` or `abandoned` where the answer is a success. */
  answered(id: string): void;
  /** An answer came whole. */
  completed(id: string): void;
  /** An answer broke off, fell silent in its middle, or cannot be read. */
  brokeOff(id: string): void;
  /** The service is there and asks not to be called for `ms` milliseconds. */
  rests(id: string, ms: number): void;
  /** The service was not reached, did not answer, or failed; not: it refused a call that it cannot serve. */
  failed(id: string): void;
  /** The call ended without a verdict, because the caller left. */
  abandoned(id: string): void;
  /** Milliseconds that the service still wants to be left alone, or undefined if the route does not rest. */
  restOf(id: string): number | undefined;
  /** Those whose circuit is open. */
  open(): string[];
  /** Milliseconds until an open circuit lets a probe through, or undefined if it does so now or is not open. */
  openFor(id: string): number | undefined;
}

export interface CircuitBreakerOptions {
  /** Unix milliseconds. */
  now: () => number;
  /** However much longer a service asks to be left alone: after so many milliseconds a call must find out. Default: no such limit. */
  maxRestMs?: number;
  /** Told once when a route's circuit opens, and once when its failures are over; between the two, probes that fail change nothing. */
  changed?: (id: string, isOpen: boolean) => void;
}

/** A breaker that knows of no failure yet. It remembers a thousand routes at most. */
export function createCircuitBreaker({ now, maxRestMs = Infinity, changed }: CircuitBreakerOptions): CircuitBreaker {
  const states = new Map<string, State>();

  /** A time to come is one of a clock that was set back since. */
  const hasBeen = (time: number): boolean => time <= now();
  const rest = ({ restsFrom, restsUntil }: State): number | undefined => {
    const ms = restsUntil - now();
    return ms > TOLERANCE_MS && hasBeen(restsFrom) && now() < restsFrom + maxRestMs ? ms : undefined;
  };
  const change = (id: string, fields: Partial<State>): void => {
    const before = states.get(id) ?? well;
    const state = { ...before, probedAt: 0, ...fields };
    const isFailing = state.failures > 0 || state.breaks > 0;
    state.isTold = isFailing && (before.isTold || isOpen(state));
    states.delete(id);
    if (isFailing || rest(state) !== undefined) states.set(id, state);
    if (state.isTold !== before.isTold) changed?.(id, state.isTold);
    // The one that was heard of longest ago.
    if (states.size > MAX_ROUTES) for (const oldest of states.keys()) return void states.delete(oldest);
  };
  const restOf = (id: string): number | undefined => rest(states.get(id) ?? well);
  const openFor = (id: string): number | undefined => {
    const state = states.get(id);
    if (!state || !isOpen(state)) return undefined;
    const { openedAt, probedAt } = state;
    const left =
      Math.max(hasBeen(openedAt) ? openedAt + OPEN_MS : 0, hasBeen(probedAt) ? probedAt + PROBE_MS : 0) - now();
    return left > 0 ? left : undefined;
  };

  return {
    open: () => [...states].flatMap(([id, state]) => (isOpen(state) ? [id] : [])),
    restOf,
    openFor,
    admits: (id) => states.size === 0 || (restOf(id) === undefined && openFor(id) === undefined),
    begin: (id) => {
      const state = states.get(id);
      if (state && isOpen(state)) state.probedAt = now();
    },
    answered: (id) => {
      const state = states.get(id);
      // Where answers broke off, the next that does opens the circuit again.
      if (state) change(id, { failures: 0, breaks: Math.min(state.breaks, FAILURES - 1) });
    },
    completed: (id) => {
      if (states.has(id)) change(id, { breaks: 0 });
    },
    brokeOff: (id) => change(id, { breaks: (states.get(id)?.breaks ?? 0) + 1, openedAt: now() }),
    rests: (id, ms) => change(id, { failures: 0, restsFrom: now(), restsUntil: now() + ms }),
    failed: (id) => change(id, { failures: (states.get(id)?.failures ?? 0) + 1, openedAt: now() }),
    abandoned: (id) => {
      const state = states.get(id);
      if (state) state.probedAt = 0;
    },
  };
}

const isOpen = ({ failures, breaks }: State): boolean => failures >= FAILURES || breaks >= FAILURES;
