/** Preloaded into a host: the process dies when it is about to start a run's orchestration, as if power had failed there. */
const diagnostics = require('node:diagnostics_channel');

diagnostics.subscribe('http.client.request.start', ({ request }) => {
  if (request.path.includes('/orchestrators/assistantRun')) process.kill(process.pid, 'SIGKILL');
});
