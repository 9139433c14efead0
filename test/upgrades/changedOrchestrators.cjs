/** Preloaded: a release whose orchestrators begin otherwise, so that no history of the one before fits. */
const Module = require('node:module');

const load = Module._load;
const changed = {
  assistantRun: ({ assistantRun, ...rest }) => ({ ...rest, assistantRun: afterPause(assistantRun) }),
  fileBatch: ({ fileBatch, ...rest }) => ({ ...rest, fileBatch: afterPause(fileBatch) }),
};

const afterPause = (orchestrator) =>
  function* (context) {
    yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 1));
    return yield* orchestrator(context);
  };

Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  const name = /orchestrations[\\/](\w+)(?:\.js)?$/.exec(request)?.[1];
  return name in changed ? changed[name](loaded) : loaded;
};
