// The account that holds the state: records, files, vectors, the package, and what the Functions host and Durable Functions keep.

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Redundancy.')
param skuName string

@description('Container of the deployed package.')
param packageContainerName string

@description('Only private endpoints and trusted Azure services reach the account.')
param isPrivate bool

@description('Days that deleted blobs and containers can be brought back.')
param softDeleteDays int

@description('Principal of the app.')
param appPrincipalId string

@description('Principal of whoever deploys, who may put uploads; empty for none.')
param deployerPrincipalId string

@description('Kind of that principal.')
param deployerPrincipalType string

var roles = loadJsonContent('../roles.json')

// Blob: keys, leases of the host, package, files and vectors. Queue: control queues of Durable Functions and the blob trigger's own. Table:
// records and the history of Durable Functions.
var appRoleIds = [
  roles['Storage Blob Data Owner']
  roles['Storage Queue Data Contributor']
  roles['Storage Table Data Contributor']
]

// The app makes the others itself (files, failed-uploads, vectors).
var containerNames = [packageContainerName, 'dead-letters']

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: { name: skuName }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      // Event Grid reads and dead-letters as a trusted service.
      bypass: 'AzureServices'
      defaultAction: isPrivate ? 'Deny' : 'Allow'
    }
  }
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: { enabled: true, days: softDeleteDays }
    containerDeleteRetentionPolicy: { enabled: true, days: softDeleteDays }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = [
  for containerName in containerNames: {
    parent: blobService
    name: containerName
    properties: { publicAccess: 'None' }
  }
]

// Its events are subscribed to before the app would make it.
resource uploads 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-06-01' = {
  parent: blobService
  name: 'uploads'
  properties: { publicAccess: 'None' }
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2025-06-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'dead-letters'
          type: 'Lifecycle'
          enabled: true
          definition: {
            filters: { blobTypes: ['blockBlob'], prefixMatch: ['dead-letters/'] }
            actions: { baseBlob: { delete: { daysAfterModificationGreaterThan: 30 } } }
          }
        }
      ]
    }
  }
  dependsOn: [blobService]
}

resource appAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in appRoleIds: {
    name: guid(account.id, appPrincipalId, roleId)
    scope: account
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    }
  }
]

resource deployerUploads 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  name: guid(uploads.id, deployerPrincipalId, roles['Storage Blob Data Contributor'])
  // Not the account, where the files of all tenants are.
  scope: uploads
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Storage Blob Data Contributor']
    )
  }
}

@description('Resource id.')
output id string = account.id

@description('Name of the account.')
output name string = account.name

@description('Address of Blob storage, with a slash at its end.')
output blobEndpoint string = account.properties.primaryEndpoints.blob

@description('Address of Queue storage, with a slash at its end.')
output queueEndpoint string = account.properties.primaryEndpoints.queue

@description('Address of Table storage, with a slash at its end.')
output tableEndpoint string = account.properties.primaryEndpoints.table
