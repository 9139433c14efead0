/**
 * Resource types with the version that is used here, and the names below `properties` (and below the resource itself, beside the usual ones)
 * that this version has. Checked by hand in November 2026 in copies of the generated types of Azure/bicep-types-az, `generated/<area>/<provider>/<version>/types.md`, each
 * named as `types`; `sample` names the public Bicep that uses the same names, where that list was not read.
 */
export interface ResourceType {
  version: string;
  source: string;
  properties: readonly string[];
  /** Members of the resource besides `name`, `location`, `tags`, `properties`, `parent`, `scope` and `dependsOn`. */
  members?: readonly string[];
  /** What cannot be left out below `properties`. */
  required?: readonly string[];
  /** `properties` takes any names. */
  isOpen?: boolean;
}

const types = (path: string) => `types: Azure/bicep-types-az generated/${path}/types.md`;
const sample = (path: string) => `sample: ${path}`;
const words = (text: string) => text.split(' ');

export const resourceTypes: Readonly<Record<string, ResourceType>> = {
  'Microsoft.Resources/resourceGroups': {
    version: '2024-03-01',
    source: sample('Azure-Samples/functions-quickstart-typescript-azd-eventgrid-blob infra/main.bicep'),
    properties: [],
  },
  'Microsoft.ManagedIdentity/userAssignedIdentities': {
    version: '2024-11-30',
    source: types('msi/microsoft.managedidentity/2024-11-30'),
    properties: [],
  },
  'Microsoft.Authorization/roleAssignments': {
    version: '2022-04-01',
    source: sample('Azure/bicep-registry-modules avm/res/app/session-pool/main.bicep'),
    properties: words('roleDefinitionId principalId description principalType condition conditionVersion'),
    required: words('roleDefinitionId principalId principalType'),
  },
  'Microsoft.OperationalInsights/workspaces': {
    version: '2025-07-01',
    source: types('operationalinsights/microsoft.operationalinsights/2025-07-01'),
    properties: words(
      'features publicNetworkAccessForIngestion publicNetworkAccessForQuery retentionInDays sku workspaceCapping',
    ),
  },
  'Microsoft.Insights/components': {
    version: '2020-02-02',
    source: types('applicationinsights/microsoft.insights/2020-02-02'),
    properties: words(
      'Application_Type DisableLocalAuth IngestionMode RetentionInDays SamplingPercentage WorkspaceResourceId',
    ),
    members: ['kind'],
    required: words('Application_Type WorkspaceResourceId DisableLocalAuth'),
  },
  'Microsoft.Storage/storageAccounts': {
    version: '2025-06-01',
    source: types('storage/microsoft.storage/2025-06-01'),
    properties: words(
      'accessTier allowBlobPublicAccess allowCrossTenantReplication allowSharedKeyAccess defaultToOAuthAuthentication minimumTlsVersion networkAcls publicNetworkAccess supportsHttpsTrafficOnly',
    ),
    members: ['kind', 'sku'],
    required: words('allowBlobPublicAccess allowSharedKeyAccess minimumTlsVersion'),
  },
  'Microsoft.Storage/storageAccounts/blobServices': {
    version: '2025-06-01',
    source: types('storage/microsoft.storage/2025-06-01'),
    properties: words('changeFeed containerDeleteRetentionPolicy deleteRetentionPolicy isVersioningEnabled'),
  },
  'Microsoft.Storage/storageAccounts/blobServices/containers': {
    version: '2025-06-01',
    source: types('storage/microsoft.storage/2025-06-01'),
    properties: ['publicAccess'],
  },
  'Microsoft.Storage/storageAccounts/managementPolicies': {
    version: '2025-06-01',
    source: types('storage/microsoft.storage/2025-06-01'),
    properties: ['policy'],
    required: ['policy'],
  },
  'Microsoft.CognitiveServices/accounts': {
    version: '2025-06-01',
    source: types('cognitiveservices/microsoft.cognitiveservices/2025-06-01'),
    properties: words(
      'customSubDomainName disableLocalAuth networkAcls publicNetworkAccess restrictOutboundNetworkAccess',
    ),
    members: words('kind sku identity'),
    required: ['customSubDomainName', 'publicNetworkAccess'],
  },
  'Microsoft.CognitiveServices/accounts/deployments': {
    version: '2025-06-01',
    source: types('cognitiveservices/microsoft.cognitiveservices/2025-06-01'),
    properties: words('model raiPolicyName spilloverDeploymentName versionUpgradeOption'),
    members: ['sku'],
    required: ['model'],
  },
  'Microsoft.KeyVault/vaults': {
    version: '2024-11-01',
    source: types('keyvault/microsoft.keyvault/2024-11-01'),
    properties: words(
      'enablePurgeProtection enableRbacAuthorization enableSoftDelete networkAcls publicNetworkAccess sku softDeleteRetentionInDays tenantId',
    ),
    required: words('sku tenantId enableRbacAuthorization'),
  },
  'Microsoft.KeyVault/vaults/secrets': {
    version: '2024-11-01',
    source: types('keyvault/microsoft.keyvault/2024-11-01'),
    properties: words('attributes contentType value'),
    required: ['value'],
  },
  'Microsoft.Search/searchServices': {
    version: '2025-05-01',
    source: types('search/microsoft.search/2025-05-01'),
    properties: words(
      'authOptions disableLocalAuth hostingMode networkRuleSet partitionCount publicNetworkAccess replicaCount semanticSearch',
    ),
    members: ['sku', 'identity'],
  },
  'Microsoft.DocumentDB/mongoClusters': {
    version: '2025-09-01',
    source: types('mongocluster/microsoft.documentdb/2025-09-01'),
    properties: words(
      'administrator authConfig compute createMode highAvailability publicNetworkAccess serverVersion sharding storage',
    ),
    required: words('administrator compute sharding storage'),
  },
  'Microsoft.DocumentDB/mongoClusters/firewallRules': {
    version: '2025-09-01',
    source: types('mongocluster/microsoft.documentdb/2025-09-01'),
    properties: words('startIpAddress endIpAddress'),
    required: words('startIpAddress endIpAddress'),
  },
  'Microsoft.App/sessionPools': {
    version: '2025-07-01',
    source: types('app/microsoft.app/2025-07-01'),
    properties: words(
      'containerType dynamicPoolConfiguration environmentId managedIdentitySettings poolManagementType scaleConfiguration secrets sessionNetworkConfiguration',
    ),
    members: ['identity'],
  },
  'Microsoft.EventGrid/systemTopics': {
    version: '2025-02-15',
    source: types('eventgrid/microsoft.eventgrid/2025-02-15'),
    properties: words('source topicType'),
    members: ['identity'],
    required: words('source topicType'),
  },
  'Microsoft.EventGrid/systemTopics/eventSubscriptions': {
    version: '2025-02-15',
    source: types('eventgrid/microsoft.eventgrid/2025-02-15'),
    properties: words(
      'deadLetterDestination deadLetterWithResourceIdentity deliveryWithResourceIdentity destination eventDeliverySchema expirationTimeUtc filter labels retryPolicy',
    ),
    required: words('destination filter'),
  },
  'Microsoft.Network/virtualNetworks': {
    version: '2025-05-01',
    source: sample('Azure-Samples/functions-quickstart-typescript-azd infra/app/vnet.bicep'),
    properties: words('addressSpace enableDdosProtection encryption subnets virtualNetworkPeerings'),
    required: ['addressSpace'],
  },
  'Microsoft.Network/privateEndpoints': {
    version: '2025-05-01',
    source: sample('Azure-Samples/functions-quickstart-javascript-azd infra/app/storage-PrivateEndpoint.bicep'),
    properties: words('customNetworkInterfaceName privateLinkServiceConnections subnet'),
    required: words('privateLinkServiceConnections subnet'),
  },
  'Microsoft.Network/privateEndpoints/privateDnsZoneGroups': {
    version: '2025-05-01',
    source: sample('Azure/AKS-Landing-Zone-Accelerator …/modules/vnet/privatedns.bicep'),
    properties: ['privateDnsZoneConfigs'],
    required: ['privateDnsZoneConfigs'],
  },
  'Microsoft.Network/privateDnsZones': {
    version: '2020-06-01',
    source: sample('Welasco/Bicep modules/vnet/privatedns.bicep'),
    properties: [],
  },
  'Microsoft.Network/privateDnsZones/virtualNetworkLinks': {
    version: '2020-06-01',
    source: sample('Azure/AKS-Landing-Zone-Accelerator …/modules/vnet/privatedns.bicep'),
    properties: words('registrationEnabled virtualNetwork'),
    required: words('registrationEnabled virtualNetwork'),
  },
  'Microsoft.Web/serverfarms': {
    version: '2025-03-01',
    source: sample('Azure-Samples/functions-quickstart-typescript-azd-eventgrid-blob infra/main.bicep'),
    properties: words('reserved zoneRedundant'),
    members: ['kind', 'sku'],
    required: ['reserved'],
  },
  'Microsoft.Web/sites': {
    version: '2025-03-01',
    source: types('web/microsoft.web/2025-03-01'),
    properties: words(
      'clientAffinityEnabled functionAppConfig httpsOnly keyVaultReferenceIdentity outboundVnetRouting publicNetworkAccess serverFarmId siteConfig virtualNetworkSubnetId',
    ),
    members: words('kind identity'),
    required: words('serverFarmId functionAppConfig httpsOnly'),
  },
  'Microsoft.Web/sites/config': {
    version: '2025-03-01',
    source: types('web/microsoft.web/2025-03-01'),
    properties: [],
    isOpen: true,
  },
};
