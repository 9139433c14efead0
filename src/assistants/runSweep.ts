/** What the sweep does with the due records of runs: nothing that was committed is ever lost. */
import type { DueRecord } from '../storage/ports';
import type { AssistantsPorts } from './ports';
import { isTerminal } from './runStatus';
import { DRIVE_GRACE_SECONDS } from './runs';
import { runDue, runKey, runOfDue, type RunRecord, type RunReference } from './threadRecords';

/**
 * Looks at a run that is due: one that nobody drives although it could move, or whose time is over, is started (`start` starts or wakes its
 * orchestration); one that is driven or waits for its caller is looked at again later; one that is over is forgotten.
 */
export async function sweepRun(
  { records, now }: Pick<AssistantsPorts, 'records' | 'now'>,
  due: DueRecord,
  start: (reference: RunReference) => Promise<void>,
): Promise<void> {
  const reference = runOfDue(due);
  const found = await records.get<RunRecord>(runKey(reference));
  if (!found || isTerminal(found.value.run.status)) {
    await records.writeDue({ remove: [due] });
    return;
  }
  const { run, lease } = found.value;
  const seconds = Math.floor(now() / 1000);
  const leased = lease !== null && lease.until > now();
  const waits = run.status === 'requires_action' && run.expires_at !== null && run.expires_at > seconds;
  if (!leased && !waits) await start(reference);
  const next = waits ? (run.expires_at ?? seconds) : seconds + DRIVE_GRACE_SECONDS;
  // `next` may be the same second: then the record stays as it is.
  await records.writeDue({ remove: [due], add: [runDue(reference, next)] });
}
