/** Starts the package under the host without the check of its settings that `npm start` makes: as on the real host. */
const { join } = require('node:path');
const root = join(__dirname, '..', '..');
const { startLocalHost } = require(join(root, 'dist', 'src', 'localHost', 'localHost.js'));

startLocalHost({ root, port: 0, host: '127.0.0.1', dataDir: process.env.DATA_DIR, quiet: true }).then(({ url }) =>
  console.log(`Listening on ${url}`),
);
