// Azure OpenAI with its deployments.

@description('Name of the account, which is the subdomain of its address too: tokens are refused without one.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Deployments: name, model (name, version), sku (name, capacity in thousands of tokens a minute).')
param deployments array

@description('Only private endpoints reach the account.')
param isPrivate bool

@description('Principal of the app.')
param appPrincipalId string

@description('Principal of whoever deploys, who may call the deployments; empty for none.')
param deployerPrincipalId string

@description('Kind of that principal.')
param deployerPrincipalType string

var roles = loadJsonContent('../roles.json')

resource account 'Microsoft.CognitiveServices/accounts@2025-06-01' = {
  name: name
  location: location
  tags: tags
  kind: 'OpenAI'
  sku: { name: 'S0' }
  properties: {
    customSubDomainName: name
    disableLocalAuth: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: { defaultAction: isPrivate ? 'Deny' : 'Allow' }
  }
}

// One after another: the service refuses two at once (409).
@batchSize(1)
resource modelDeployments 'Microsoft.CognitiveServices/accounts/deployments@2025-06-01' = [
  for deployment in deployments: {
    parent: account
    name: deployment.name
    sku: { name: deployment.sku.name, capacity: deployment.sku.capacity }
    properties: {
      model: { format: 'OpenAI', name: deployment.model.name, version: deployment.model.version }
      versionUpgradeOption: 'OnceCurrentVersionExpired'
    }
  }
]

resource appCalls 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(account.id, appPrincipalId, roles['Cognitive Services OpenAI User'])
  scope: account
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Cognitive Services OpenAI User']
    )
  }
}

resource deployerCalls 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  name: guid(account.id, deployerPrincipalId, roles['Cognitive Services OpenAI User'])
  scope: account
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Cognitive Services OpenAI User']
    )
  }
}

@description('Resource id.')
output id string = account.id

@description('Address, with a slash at its end.')
output endpoint string = account.properties.endpoint
