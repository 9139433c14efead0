/**
 * The properties of the custom connector: how connections are made. Several kinds of them need the command line (`paconn`, `pac connector`):
 * https://learn.microsoft.com/connectors/custom-connectors/multi-auth.
 */

/** The app registration of those who sign in. */
export interface ConnectionOptions {
  /** The client id of the app registration that users sign in through. */
  clientId: string;
  /** What its tokens are for: an audience of `ENTRA_AUDIENCE`. */
  resource: string;
  /** The directory, by its id. */
  tenantId: string;
}

/** Of both kinds: where the functions are, with the project. */
const endpoint = {
  type: 'string',
  uiDefinition: {
    displayName: 'Project endpoint',
    description: 'https://{app}.azurewebsites.net/api/projects/{project}',
    tooltip: 'The full address of the project',
    constraints: { required: 'true' },
  },
};

/** The content of `apiProperties.json`. */
export function apiProperties({ clientId, resource, tenantId }: ConnectionOptions) {
  return {
    properties: {
      connectionParameterSets: {
        uiDefinition: { displayName: 'Authentication type', description: 'How the connection signs in.' },
        values: [
          {
            name: 'apiKeyAuth',
            uiDefinition: { displayName: 'API key', description: 'A key of the server.' },
            parameters: {
              api_key: {
                type: 'securestring',
                uiDefinition: {
                  displayName: 'API key',
                  description: 'A key of the server.',
                  tooltip: 'A key of API_KEYS, or one that npm run keys made',
                  constraints: { required: 'true', clearText: false, tabIndex: 2 },
                },
              },
              endpoint,
            },
          },
          {
            name: 'entraIDUserLogin',
            uiDefinition: { displayName: 'Microsoft Entra ID user login', description: 'Sign in as yourself.' },
            parameters: {
              token: {
                type: 'oauthSetting',
                oAuthSettings: {
                  identityProvider: 'aad',
                  clientId,
                  scopes: [],
                  redirectMode: 'GlobalPerConnector',
                  redirectUrl: 'https://global.consent.azure-apim.net/redirect',
                  properties: { IsFirstParty: 'False', AzureActiveDirectoryResourceId: resource },
                  customParameters: {
                    loginUri: { value: 'https://login.microsoftonline.com' },
                    tenantId: { value: tenantId },
                    resourceUri: { value: resource },
                    enableOnbehalfOfLogin: { value: 'false' },
                  },
                },
              },
              endpoint,
            },
          },
        ],
      },
      iconBrandColor: '#0078d4',
      capabilities: ['actions'],
      policyTemplateInstances: [
        {
          templateId: 'dynamichosturl',
          title: 'The endpoint of the connection',
          parameters: { 'x-ms-apimTemplateParameter.urlTemplate': "@connectionParameters('endpoint')" },
        },
      ],
    },
  };
}
