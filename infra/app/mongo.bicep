// Azure Cosmos DB for MongoDB vCore, for the data source type azure_cosmos_db. Its connection string goes into the vault and nowhere else.

@description('Name of the cluster.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Compute tier; vector indexes of the kind HNSW need M30 or more.')
param tier string

@description('Disk of each shard in gigabytes.')
param storageGb int

@description('A standby takes over when the primary fails; doubles the price.')
param isHighlyAvailable bool

@description('Name of the administrator.')
param administratorLogin string

@description('Password of the administrator.')
@secure()
param administratorPassword string

@description('Only private endpoints reach the cluster.')
param isPrivate bool

@description('Vault that gets the connection string.')
param vaultName string

@description('Name of the secret there.')
param secretName string

resource cluster 'Microsoft.DocumentDB/mongoClusters@2025-09-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    administrator: { userName: administratorLogin, password: administratorPassword }
    compute: { tier: tier }
    storage: { sizeGb: storageGb }
    sharding: { shardCount: 1 }
    highAvailability: { targetMode: isHighlyAvailable ? 'ZoneRedundantPreferred' : 'Disabled' }
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
  }
}

// The addresses of Azure's own services, which the app is among.
resource azureServices 'Microsoft.DocumentDB/mongoClusters/firewallRules@2025-09-01' = if (!isPrivate) {
  parent: cluster
  name: 'azure-services'
  properties: { startIpAddress: '0.0.0.0', endIpAddress: '0.0.0.0' }
}

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource connectionString 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = {
  parent: vault
  name: secretName
  properties: {
    value: replace(
      replace(cluster.properties.connectionString, '<user>', uriComponent(administratorLogin)),
      '<password>',
      uriComponent(administratorPassword)
    )
  }
}

@description('Resource id.')
output id string = cluster.id

@description('What an app setting holds to get the connection string.')
output reference string = '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/${connectionString.name})'
