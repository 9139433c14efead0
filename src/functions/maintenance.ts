/** The timer that starts the maintenance orchestration, with its activities. */
import { app, type InvocationContext } from '@azure/functions';
import * as df from 'durable-functions';
import { services } from '../app';
import { sweepAgent } from '../agents/agentPurge';
import { AGENT_DUE } from '../agents/agentRecords';
import { sweepRun } from '../assistants/runSweep';
import { sweepThread } from '../assistants/threadPurge';
import { RUN_DUE, THREAD_DUE } from '../assistants/threadRecords';
import { INDEX_UPKEEP, indexUpkeep, PUT_NEXT_INDEX_IN_ORDER } from '../orchestrations/indexUpkeep';
import { inLogScope, logFault } from '../log';
import { maintenance, PURGE_HISTORY, SWEEP_DUE } from '../orchestrations/maintenance';
import { CONTAINER_DUE } from '../responses/containerRecords';
import { CONVERSATION_DUE } from '../responses/conversationRecords';
import { FILE_BATCH_DUE } from '../retrieval/dueJobs';
import { FILE_EXPIRY_DUE, STORE_EXPIRY_DUE } from '../retrieval/expiryDue';
import { INDEX_UPKEEP_DUE } from '../retrieval/indexUpkeep';
import { UNMADE_FILE_DUE, UPLOAD_DUE } from '../retrieval/uploadRecords';
import { SYNC_DUE } from '../retrieval/syncRecords';
import { RESPONSE_DUE, RESPONSE_EVENTS_DUE } from '../responses/backgroundRecords';
import { sweepEvents, sweepResponse } from '../responses/responseSweep';
import { SCHEDULE_DUE } from '../schedules/scheduleRecords';
import { PLACE_DUE, sweepPlace } from '../storage/deletedPlaces';
import type { DueRecord } from '../storage/ports';
import { RETENTION_DUE } from '../tenants/retention';
import { startFileBatch } from './ingestion';
import { startOrchestration, wakeResponse, wakeRun } from './orchestrationStart';
import { startSchedule } from './scheduleActivities';
import { startSync } from './syncActivities';

/** Due records handled by one activity. */
const PORTION = 100;
/** How much later a due record that failed is looked at again. */
const POSTPONED_SECONDS = 300;
/** How long the history of finished orchestrations is kept. */
const KEEP_MILLISECONDS = 60 * 60 * 1000;
/** At most one purge in this time. */
const PURGE_EVERY_MILLISECONDS = 5 * 60 * 1000;

/** @param seconds Between two looks for due work; divides a minute. */
export function registerMaintenance(seconds: number): void {
  app.timer('maintenance-timer', {
    schedule: seconds < 60 ? `*/${seconds} * * * * *` : '0 * * * * *',
    // Which looks were missed while nothing ran does not matter: the first finds everything.
    useMonitor: false,
    runOnStartup: true,
    extraInputs: [df.input.durableClient()],
    handler: async (_timer, invocation) => startMaintenance(invocation),
  });
  df.app.orchestration('maintenance', maintenance);
  df.app.activity(SWEEP_DUE, {
    extraInputs: [df.input.durableClient()],
    handler: async (_input, invocation) => inLogScope(invocation, {}, async () => sweep(invocation)),
  });
  df.app.activity(PURGE_HISTORY, {
    extraInputs: [df.input.durableClient()],
    handler: async (_input, invocation) => purge(invocation),
  });
  df.app.orchestration(INDEX_UPKEEP, indexUpkeep);
  df.app.activity(PUT_NEXT_INDEX_IN_ORDER, {
    handler: async (_input, invocation) => inLogScope(invocation, {}, putNextInOrder),
  });
}

let retentionHasBegun = false;

/** One instance at a time: while one is at work a start does nothing. */
async function startMaintenance(invocation: InvocationContext): Promise<void> {
  const { storage, retention } = await services();
  const { records } = storage;
  if (!retentionHasBegun) {
    await retention.begin();
    retentionHasBegun = true;
  }
  const due = await records.due(Math.floor(Date.now() / 1000), 1);
  if (due.length === 0 && !purgeIsDue()) return;
  await startOrchestration(invocation, 'maintenance', 'maintenance', {});
}

async function sweep(invocation: InvocationContext): Promise<number> {
  const { storage, assistantsPorts, retrieval, retention, schedules, conversations, containers } = await services();
  const handlers: Record<string, (due: DueRecord) => Promise<void>> = {
    [RUN_DUE]: async (due) => sweepRun(assistantsPorts, due, async (run) => wakeRun(invocation, run)),
    [RESPONSE_DUE]: async (due) =>
      sweepResponse(assistantsPorts, due, async (found) => wakeResponse(invocation, found)),
    [RESPONSE_EVENTS_DUE]: async (due) => sweepEvents(storage.records, due),
    [THREAD_DUE]: async (due) => sweepThread(storage.records, due),
    [CONTAINER_DUE]: async (due) => containers.due(due),
    [CONVERSATION_DUE]: async (due) => conversations.due(due),
    [AGENT_DUE]: async (due) => sweepAgent(storage.records, due),
    [FILE_BATCH_DUE]: async (due) => retrieval.ingestion.due(due, async (job) => startFileBatch(invocation, job)),
    [STORE_EXPIRY_DUE]: async (due) => retrieval.expiry.store(due),
    [FILE_EXPIRY_DUE]: async (due) => retrieval.expiry.file(due),
    [UPLOAD_DUE]: async (due) => retrieval.uploadSweep.upload(due),
    [UNMADE_FILE_DUE]: async (due) => retrieval.uploadSweep.unmadeFile(due),
    [INDEX_UPKEEP_DUE]: async (due) => retrieval.indexUpkeep.due(due),
    [SYNC_DUE]: async (due) => retrieval.syncs.due(due, async (sync) => startSync(invocation, sync)),
    [PLACE_DUE]: async (due) => sweepPlace(storage.records, due),
    [RETENTION_DUE]: async (due) => retention.due(due),
    [SCHEDULE_DUE]: async (due) => schedules.due(due, async (schedule) => startSchedule(invocation, schedule)),
  };
  const now = Math.floor(Date.now() / 1000);
  const due = await storage.records.due(now, PORTION);
  let handled = 0;
  for (const record of due) {
    try {
      const handle = handlers[record.kind];
      if (!handle) throw new Error('Nothing handles due records of this kind.');
      await handle(record);
      handled += 1;
    } catch (error) {
      // Put off, so that it does not stand before the others for ever.
      logFault(`The due record ${record.kind} ${record.id} could not be handled.`, error);
      await storage.records.writeDue({ remove: [record], add: [{ ...record, at: now + POSTPONED_SECONDS }] });
    }
  }
  if (await retrieval.indexUpkeep.isWaiting()) await startOrchestration(invocation, INDEX_UPKEEP, INDEX_UPKEEP, {});
  return handled;
}

/** An index that fails is put off, and does not keep the next from its turn. */
async function putNextInOrder(): Promise<boolean> {
  const { indexUpkeep: upkeep } = (await services()).retrieval;
  try {
    return await upkeep.putNextInOrder();
  } catch (error) {
    logFault('The index of a vector store could not be put in order.', error);
    return upkeep.isWaiting();
  }
}

let lastPurge = 0;
const purgeIsDue = (): boolean => Date.now() - lastPurge > PURGE_EVERY_MILLISECONDS;

async function purge(invocation: InvocationContext): Promise<number> {
  if (!purgeIsDue()) return 0;
  lastPurge = Date.now();
  const { Completed, Failed, Terminated } = df.OrchestrationRuntimeStatus;
  const { instancesDeleted } = await df.getClient(invocation).purgeInstanceHistoryBy({
    createdTimeFrom: new Date(0),
    createdTimeTo: new Date(Date.now() - KEEP_MILLISECONDS),
    runtimeStatus: [Completed, Failed, Terminated],
  });
  return instancesDeleted;
}
