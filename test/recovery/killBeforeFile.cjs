/** Preloaded into a host: the process dies when the parts of an upload lie together and their file is about to be made, as if power had failed there. */
const Module = require('node:module');

const die = async () => {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
};
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  if (request.endsWith('/files') && loaded.createFiles && !loaded.isReplaced) {
    const { createFiles } = loaded;
    loaded.isReplaced = true;
    loaded.createFiles = (...ports) => ({ ...createFiles(...ports), make: die });
  }
  return loaded;
};
