/** The files of the custom connector, by name. Pure. */
import type { Operation } from '../http/operation';
import { apiDefinition, type ConnectorOptions } from './apiDefinition';
import { apiProperties, type ConnectionOptions } from './apiProperties';

/** What stands in the files of the repository: the app's name and its registration are everyone's own. */
export const DEFAULTS: ConnectorOptions & ConnectionOptions = {
  host: 'your-app.azurewebsites.net',
  clientId: '00000000-0000-0000-0000-000000000000',
  resource: 'api://00000000-0000-0000-0000-000000000000',
  tenantId: 'common',
};

const asText = (value: object): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** Throws where an action names what is not declared. */
export const connectorFiles = (
  served: readonly Operation[],
  options: ConnectorOptions & ConnectionOptions,
): Record<string, string> => ({
  'apiDefinition.swagger.json': asText(apiDefinition(served, options)),
  'apiProperties.json': asText(apiProperties(options)),
});
