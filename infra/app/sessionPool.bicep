// Container Apps dynamic sessions, which run the code of code_interpreter where CODE_INTERPRETER is session_pool.

@description('Name of the pool.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Sessions at once.')
param maxConcurrentSessions int

@description('Seconds without a call after which a session ends.')
param cooldownSeconds int

@description('Principal of the app.')
param appPrincipalId string

var roles = loadJsonContent('../roles.json')

resource pool 'Microsoft.App/sessionPools@2025-07-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    containerType: 'PythonLTS'
    poolManagementType: 'Dynamic'
    dynamicPoolConfiguration: {
      lifecycleConfiguration: { lifecycleType: 'Timed', cooldownPeriodInSeconds: cooldownSeconds }
    }
    scaleConfiguration: { maxConcurrentSessions: maxConcurrentSessions }
    sessionNetworkConfiguration: { status: 'EgressDisabled' }
  }
}

resource appRuns 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(pool.id, appPrincipalId, roles['Azure ContainerApps Session Executor'])
  scope: pool
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId(
      'Microsoft.Authorization/roleDefinitions',
      roles['Azure ContainerApps Session Executor']
    )
  }
}

@description('Address for the calls of the app.')
output endpoint string = pool.properties.poolManagementEndpoint
