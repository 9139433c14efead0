/**
 * Preloaded into a host: the process dies when a response is stored and its items are about to be added to its conversation (KILL_AT is `append`), or when
 * it has added some of them (`group`), as if power had failed there.
 */
const Module = require('node:module');

const die = async () => {
  process.kill(process.pid, 'SIGKILL');
  await new Promise(() => undefined);
};
const load = Module._load;
Module._load = function (request, ...rest) {
  const loaded = load.call(this, request, ...rest);
  if (process.env.KILL_AT === 'append' && request.endsWith('/conversationAppend')) loaded.appendTurn = die;
  if (process.env.KILL_AT === 'group' && request.endsWith('/conversationItems') && !loaded.killsLater) {
    const { itemCreations } = loaded;
    loaded.killsLater = true;
    loaded.itemCreations = (ports, place, items, after) =>
      // The first group goes behind what is there, the second behind the first.
      loaded.isBegun ? die() : ((loaded.isBegun = items.length > 1), itemCreations(ports, place, items, after));
  }
  return loaded;
};
