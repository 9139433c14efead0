// Azure AI Search: the vector index of vector stores, or an index of the customer's own as data source, or both.

@description('Name of the service.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Tier.')
param skuName string

@description('Copies of the indexes: two for a service level on reading, three on writing too.')
param replicaCount int

@description('Parts that the indexes are split into.')
param partitionCount int

@description('Tier of the semantic ranker.')
param semanticSearch string

@description('The app owns the index of the vector stores, and so writes.')
param isVectorIndex bool

@description('Only private endpoints reach the service.')
param isPrivate bool

@description('Principal of the app.')
param appPrincipalId string

var roles = loadJsonContent('../roles.json')

// The definition of an index, which says what its fields are for, cannot be read without Search Service Contributor.
var appRoleIds = [
  isVectorIndex ? roles['Search Index Data Contributor'] : roles['Search Index Data Reader']
  roles['Search Service Contributor']
]

resource service 'Microsoft.Search/searchServices@2025-05-01' = {
  name: name
  location: location
  tags: tags
  sku: { name: skuName }
  properties: {
    replicaCount: replicaCount
    partitionCount: partitionCount
    semanticSearch: semanticSearch
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'disabled' : 'enabled'
  }
}

resource appAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in appRoleIds: {
    name: guid(service.id, appPrincipalId, roleId)
    scope: service
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
    }
  }
]

@description('Resource id.')
output id string = service.id
