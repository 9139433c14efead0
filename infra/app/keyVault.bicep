// The vault with the secrets that app settings refer to.

@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('A deleted vault cannot be purged for 90 days, so that its name is taken for as long.')
param purgeProtection bool

@description('Principal of the app.')
param appPrincipalId string

@description('Secrets by the names of the settings that refer to them; empty ones are left out.')
@secure()
param secrets object

@description('Names of the secrets that are not empty: loops must not run over secrets.')
param secretNames array

var roles = loadJsonContent('../roles.json')

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    sku: { family: 'A', name: 'standard' }
    tenantId: tenant().tenantId
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: purgeProtection ? true : null
    // References of Flex Consumption apps cannot reach a vault behind a firewall; its own roles guard it.
    publicNetworkAccess: 'Enabled'
  }
}

resource vaultSecrets 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = [
  for secretName in secretNames: {
    parent: vault
    name: replace(secretName, '_', '-')
    properties: { value: secrets[secretName] }
  }
]

resource appReads 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, appPrincipalId, roles['Key Vault Secrets User'])
  scope: vault
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('App settings that refer to the secrets.')
output references object = toObject(
  secretNames,
  secretName => secretName,
  secretName => '@Microsoft.KeyVault(SecretUri=https://${name}${environment().suffixes.keyvaultDns}/secrets/${replace(secretName, '_', '-')})'
)
