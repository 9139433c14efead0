/** Preloaded into a host: the process dies when it is about to start an orchestration (KILL_BEFORE, a run's by default), as if power had failed there. */
const diagnostics = require('node:diagnostics_channel');

const path = `/orchestrators/${process.env.KILL_BEFORE ?? 'assistantRun'}`;
diagnostics.subscribe('http.client.request.start', ({ request }) => {
  if (request.path.includes(path)) process.kill(process.pid, 'SIGKILL');
});
