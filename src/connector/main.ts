/**
 * `npm run connector`: writes the definition of the custom connector. Without options it writes what the repository holds, with placeholders for the app
 * registration.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { families } from '../functions/families';
import { connectorFiles, DEFAULTS } from './connectorFiles';

const { values } = parseArgs({
  options: {
    /** The folder. */
    out: { type: 'string', default: join('infra', 'connector') },
    host: { type: 'string', default: DEFAULTS.host },
    'client-id': { type: 'string', default: DEFAULTS.clientId },
    resource: { type: 'string', default: DEFAULTS.resource },
    'tenant-id': { type: 'string', default: DEFAULTS.tenantId },
  },
});

const files = connectorFiles(
  families.flatMap(({ operations }) => operations),
  { host: values.host, clientId: values['client-id'], resource: values.resource, tenantId: values['tenant-id'] },
);
mkdirSync(values.out, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const path = join(values.out, name);
  writeFileSync(path, text);
  console.log(path);
}
