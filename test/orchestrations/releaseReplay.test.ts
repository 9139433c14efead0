/**
 * The histories of orchestrations that each release left behind, replayed by today's orchestrators from every point: they decide as the release's did, so that what was
 * under way goes on after a deployment.
 */
import * as df from 'durable-functions';
import { ADVANCE_RUN, ASSISTANT_RUN, assistantRun } from '../../src/orchestrations/assistantRun';
import { FAIL_FILES, FILE_BATCH, fileBatch, INGEST_FILES, PLAN_FILE_BATCH } from '../../src/orchestrations/fileBatch';
import { INDEX_UPKEEP, indexUpkeep, PUT_NEXT_INDEX_IN_ORDER } from '../../src/orchestrations/indexUpkeep';
import { maintenance, PURGE_HISTORY, SWEEP_DUE } from '../../src/orchestrations/maintenance';
import { SCHEDULE, schedule, TICK_SCHEDULE } from '../../src/orchestrations/schedule';
import { SYNC, sync, TICK_SYNC } from '../../src/orchestrations/sync';
import { runEpisode } from '../../src/localHost/durable/episode';
import { EventType, schedulesTask, type HistoryEvent } from '../../src/localHost/durable/historyEvent';
import { readRecord, type InstanceRecord } from '../../src/localHost/durable/instance';
import { restoreHistory } from '../../src/localHost/durable/storedHistory';
import type { Row } from '../../src/localHost/durable/historyStatements';
import { invoker } from '../localHost/durable/fixtures/coreModule';
import { readRelease, releases } from '../upgrades/releaseFixture';

jest.mock(
  '@azure/functions-core',
  () => jest.requireActual<{ coreModule: object }>('../localHost/durable/fixtures/coreModule').coreModule,
  { virtual: true },
);

const orchestrators = {
  [ASSISTANT_RUN]: assistantRun,
  [FILE_BATCH]: fileBatch,
  [INDEX_UPKEEP]: indexUpkeep,
  maintenance,
  [SCHEDULE]: schedule,
  [SYNC]: sync,
};
/** In the place of an orchestrator, for the time of a test. */
const changed: Record<string, typeof fileBatch> = {};
for (const [name, orchestrator] of Object.entries(orchestrators))
  df.app.orchestration(name, (context) => (changed[name] ?? orchestrator)(context));
const activities = [ADVANCE_RUN, PLAN_FILE_BATCH, INGEST_FILES, FAIL_FILES, PUT_NEXT_INDEX_IN_ORDER];
for (const name of [...activities, SWEEP_DUE, PURGE_HISTORY, TICK_SCHEDULE, TICK_SYNC])
  df.app.activity(name, { handler: () => undefined });

interface Instance {
  release: string;
  record: InstanceRecord;
  episodes: HistoryEvent[][];
}

async function instances(): Promise<Instance[]> {
  const found: Instance[] = [];
  for (const release of await releases()) {
    const { rows } = await readRelease(release);
    const history = rows('durable', 'history');
    for (const row of rows('durable', 'instances')) {
      const record = readRecord(row as Row);
      const own = history.filter(({ instance_id: id }) => id === record.id);
      const inOrder = own.toSorted((a, b) => Number(a.episode) - Number(b.episode));
      found.push({ release, record, episodes: inOrder.map((episode) => restoreHistory([episode as Row], record)) });
    }
  }
  return found;
}

/** Written by the episode itself; the others are messages that it took. */
const isDecided = (event: HistoryEvent): boolean =>
  schedulesTask(event) || event.EventType === EventType.ExecutionCompleted;
const isFrame = ({ EventType: type }: HistoryEvent): boolean =>
  type === EventType.OrchestratorStarted || type === EventType.OrchestratorCompleted;

/** What an episode decided, without what an engine adds of its own. */
const decisions = (events: HistoryEvent[]) =>
  events.filter(isDecided).map(({ IsPlayed: _, ...event }) => ({ ...event, Result: event.Result ?? 'null' }));

/** Replays an instance from before each of its episodes; what was decided then and what is now. */
async function replay({ record, episodes }: Instance) {
  const found: { then: object[]; now: object[] }[] = [];
  for (const [place, episode] of episodes.entries()) {
    const history = episodes.slice(0, place).flat();
    const messages = episode.filter((event) => !isDecided(event) && !isFrame(event));
    const at = Date.parse(episode[0]?.Timestamp ?? '');
    const taken = messages.map((event) => ({ ...event, IsPlayed: false }));
    const { events } = await runEpisode({ history }, record, taken, at, invoker);
    found.push({ then: decisions(episode), now: decisions(events) });
  }
  return found;
}

it('has histories of every orchestration of the first release, and of some in the midst of their work', async () => {
  const all = await instances();
  const underWay = all.filter(({ record }) => record.status === 'Running').map(({ record }) => record.name);
  expect([...new Set(underWay)].toSorted()).toEqual([ASSISTANT_RUN, FILE_BATCH, SCHEDULE, SYNC].toSorted());
  expect(all.map(({ record }) => record.name)).toContain('maintenance');
});

it('decides at every point of every history as the release did', async () => {
  let episodes = 0;
  for (const instance of await instances()) {
    for (const [place, { then, now }] of (await replay(instance)).entries()) {
      const where = `${instance.record.name} ${instance.record.id} of ${instance.release}, episode ${place}`;
      expect({ where, decided: now }).toEqual({ where, decided: then });
      episodes += 1;
    }
  }
  expect(episodes).toBeGreaterThan(40);
});

it('ends at once an instance whose orchestrator was changed so that its history does not fit, for the sweep to begin it anew', async () => {
  changed[FILE_BATCH] = function* ({ df: durable }) {
    yield durable.callActivity(FAIL_FILES, {});
  };
  try {
    const underWay = (await instances()).find(
      ({ record }) => record.name === FILE_BATCH && record.status === 'Running',
    );
    if (!underWay) throw new Error('No batch was under way.');
    const last = (await replay(underWay)).at(-1);
    expect(last?.now).toMatchObject([
      { OrchestrationStatus: 'Failed', Result: expect.stringContaining('Non-deterministic') as unknown },
    ]);
  } finally {
    delete changed[FILE_BATCH];
  }
});
