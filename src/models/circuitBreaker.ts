/**
 * What is known of the health of each backend and deployment, in this process. After five failures in a row a route is left alone for 15 s, then one call
 * probes it; a service that asked for patience rests for as long.
 */
import type { RouteHealth } from './gateway';

/** Failures in a row that open the circuit. */
const FAILURES = 5;
const OPEN_MS = 15_000;
/** Routes that are remembered: callers can make up names where a backend takes every one. */
const MAX_ROUTES = 1_000;
/** Timers fire up to a millisecond early. */
const TOLERANCE_MS = 2;

interface State {
  failures: number;
  /** Unix milliseconds of the failure that opened or kept open the circuit. */
  openedAt: number;
  isProbing: boolean;
  restsUntil: number;
}

export interface CircuitBreaker {
  /** Whether a call may begin now. */
  admits(id: string): boolean;
  /** A call begins; must be followed by one of the next four. */
  begin(id: string): void;
  succeeded(id: string): void;
  /** The service is there and asks not to be called for `ms` milliseconds. */
  rests(id: string, ms: number): void;
  failed(id: string): void;
  /** The call ended without a verdict, because the caller left. */
  abandoned(id: string): void;
  /** Milliseconds that the route still rests, or undefined if it does not. */
  restOf(id: string): number | undefined;
  /** Milliseconds until an open circuit lets a probe through, or undefined if it is not open. */
  openFor(id: string): number | undefined;
  /** Every route that is not well. */
  report(): RouteHealth[];
}

/** @param now Unix milliseconds. */
export function createCircuitBreaker(now: () => number): CircuitBreaker {
  const states = new Map<string, State>();

  const change = (id: string, fields: Partial<State>): void => {
    const known = states.get(id) ?? { failures: 0, openedAt: 0, isProbing: false, restsUntil: 0 };
    const state = { ...known, ...fields };
    states.delete(id);
    if (state.failures > 0 || state.restsUntil > now()) states.set(id, state);
    // The one that was heard of longest ago.
    if (states.size > MAX_ROUTES) for (const oldest of states.keys()) return void states.delete(oldest);
  };
  const restOf = (id: string): number | undefined => {
    const rest = (states.get(id)?.restsUntil ?? 0) - now();
    return rest > TOLERANCE_MS ? rest : undefined;
  };
  const openFor = (id: string): number | undefined => {
    const state = states.get(id);
    if (!state || state.failures < FAILURES) return undefined;
    const left = state.openedAt + OPEN_MS - now();
    if (left > 0) return left;
    return state.isProbing ? 1_000 : undefined;
  };

  return {
    restOf,
    openFor,
    admits: (id) => states.size === 0 || (restOf(id) === undefined && openFor(id) === undefined),
    begin: (id) => {
      const state = states.get(id);
      if (state && state.failures >= FAILURES) state.isProbing = true;
    },
    succeeded: (id) => {
      if (states.has(id)) change(id, { failures: 0, isProbing: false });
    },
    rests: (id, ms) => change(id, { failures: 0, isProbing: false, restsUntil: now() + ms }),
    failed: (id) => change(id, { failures: (states.get(id)?.failures ?? 0) + 1, openedAt: now(), isProbing: false }),
    abandoned: (id) => {
      const state = states.get(id);
      if (state) state.isProbing = false;
    },
    report: () =>
      [...states].map(([id, { failures }]) => {
        const [backend = '', ...deployment] = id.split('/');
        return { backend, deployment: deployment.join('/'), state: stateOf(id, failures), failures };
      }),
  };

  function stateOf(id: string, failures: number): RouteHealth['state'] {
    if (restOf(id) !== undefined) return 'resting';
    if (failures < FAILURES) return 'failing';
    return openFor(id) !== undefined && !states.get(id)?.isProbing ? 'open' : 'half-open';
  }
}
