/** The package's entry: registers every function. Nothing here throws: a wrong setting shows as an answer and in the log. */
import { app } from '@azure/functions';
import { stop } from '../app';
import { edgeSettings } from '../edgeSettings';
import { startLines } from '../startLines';
import { triggerSettings } from '../triggerSettings';
import { registerCatchAll, registerFamily, registerOpen } from '../http/family';
import { openApiDocument } from '../http/openApi';
import { registerBlobUploads } from './blobUploads';
import { families } from './families';
import { registerHealth } from './health';
import { registerIngestion } from './ingestion';
import { registerMaintenance } from './maintenance';
import { registerResponseActivities } from './responseActivities';
import { registerRunActivities } from './runActivities';
import { registerScheduleActivities } from './scheduleActivities';
import { registerSyncActivities } from './syncActivities';

app.setup({ enableHttpStream: true });
app.hook.appStart(async () => {
  for (const line of await startLines()) console.log(line);
});
app.hook.appTerminate(stop);

for (const family of families) registerFamily(family, edgeSettings);
registerCatchAll(edgeSettings);
let openApi: object | undefined;
registerOpen('openapi', 'openapi.json', () =>
  Response.json((openApi ??= openApiDocument(families.flatMap(({ operations }) => operations)))),
);
registerHealth();
registerRunActivities();
registerResponseActivities();
registerScheduleActivities();
registerSyncActivities();
registerIngestion();
const { uploads, maintenanceSeconds } = triggerSettings();
registerBlobUploads(uploads);
registerMaintenance(maintenanceSeconds);
