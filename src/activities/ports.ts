/** What activities need of the outside. */
import type { CitedAnswer } from '../agentLoop/citedAnswer';
import type { Clock } from '../models/retry';
import type { Scope } from '../scope';
import type { Records } from '../storage/ports';

/** What a person says to an agent in a conversation. */
export interface Turn {
  scope: Scope;
  /** `name`, `name:version`, or the id of an assistant. */
  agent: string;
  text: string;
  /** `https:` or `data:` URLs. */
  images: string[];
  /** Where the conversation stands, as its last turn told; null at its beginning. */
  at: string | null;
  /** Names the turn: a turn of the same key is not taken twice, where what answers it can tell. */
  key: string;
}

export interface TakenTurn extends CitedAnswer {
  /** Where the next turn goes on. */
  at: string | null;
}

/** The agents of a scope. */
export interface TalkingAgents {
  /** Throws 404 for one that is not there. */
  check(scope: Scope, agent: string): Promise<void>;
  /** Answers to the end. Throws what keeps the agent from it. */
  take(turn: Turn): Promise<TakenTurn>;
}

export interface ActivitiesPorts {
  records: Records;
  agents: TalkingAgents;
  /** Milliseconds since 1970. */
  now: () => number;
  sleep: Clock['sleep'];
  /** Faults that a caller must not see in detail. */
  logFault: (message: string, error: unknown) => void;
}
