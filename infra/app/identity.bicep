// The identity of the app: it reaches everything else by it, so that no key is needed.

@description('Name of the identity.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id.')
output id string = identity.id

@description('For DefaultAzureCredential and the connections of the host.')
output clientId string = identity.properties.clientId

@description('For role assignments.')
output principalId string = identity.properties.principalId
