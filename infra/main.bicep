// Everything that the server needs in Azure, in a resource group of its own: see docs/deploy.md.
targetScope = 'subscription'

@description('Name of the environment: part of every name, and of the tags by which azd finds things.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region.')
@minLength(1)
@metadata({ azd: { type: 'location' } })
param location string

@description('Resource group; empty: made from the name of the environment.')
param resourceGroupName string = ''

@description('Who deploys: may call the models and put uploads. Empty: nobody.')
param deployerPrincipalId string = ''

@description('Kind of that principal.')
@allowed(['User', 'Group', 'ServicePrincipal'])
param deployerPrincipalType string = 'User'

// The function app

@description('Version of Node; `az functionapp list-flexconsumption-runtimes` tells which the region has.')
@allowed(['22', '24'])
param nodeVersion string = '22'

@description('Memory of an instance in megabytes. LanceDB, PDFs and Pyodide need 2048 or more.')
@allowed([2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of each group of triggers.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('Requests that an instance serves at once: mostly they wait for models.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 64

@description('Seconds between two looks for due work, each an execution that is paid for: how long a run may wait for another instance when its own died.')
@allowed([5, 10, 15, 20, 30, 60])
param maintenanceSeconds int = 30

@description('Instances for HTTP that are always up, and always paid for.')
@minValue(0)
param alwaysReadyHttp int = 0

@description('Instances for runs and ingestion that are always up, and always paid for.')
@minValue(0)
param alwaysReadyDurable int = 0

// Who may call

@description('Keys of callers, as API_KEYS takes them: tenant:key,tenant:key.')
@secure()
param apiKeys string

@description('Entra ID tenant whose tokens are accepted; empty: none are.')
param entraTenantId string = ''

@description('Audiences of the accepted tokens, joined by commas.')
param entraAudience string = ''

@description('Object or application ids that get a tenant and a role, as ENTRA_PRINCIPALS takes them.')
param entraPrincipals string = ''

@description('Authority of another cloud; empty: the public one.')
param entraAuthority string = ''

// Models

@description('Region of Azure OpenAI; empty: as the others.')
@metadata({ azd: { type: 'location' } })
param modelLocation string = ''

@description('Azure OpenAI resource to use in place of a new one.')
param existingOpenAiEndpoint string = ''

@description('Its key; empty: the identity of the app, which then needs the role Cognitive Services OpenAI User there.')
@secure()
param existingOpenAiKey string = ''

@description('Deployment for chat: the name that callers give as model.')
param chatDeploymentName string = 'gpt-5-mini'

@description('Model of that deployment.')
param chatModelName string = 'gpt-5-mini'

@description('Version of that model.')
param chatModelVersion string = '2025-08-07'

@description('Kind of that deployment.')
param chatSkuName string = 'GlobalStandard'

@description('Thousands of tokens a minute of that deployment.')
@minValue(1)
param chatCapacity int = 50

@description('Deployment that embeds chunks and queries.')
param embeddingDeploymentName string = 'text-embedding-3-small'

@description('Model of that deployment.')
param embeddingModelName string = 'text-embedding-3-small'

@description('Version of that model.')
param embeddingModelVersion string = '1'

@description('Kind of that deployment.')
param embeddingSkuName string = 'GlobalStandard'

@description('Thousands of tokens a minute of that deployment.')
@minValue(1)
param embeddingCapacity int = 100

@description('Further deployments: name, model (name, version), sku (name, capacity).')
param moreDeployments array = []

// State

@description('Redundancy of the storage account.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSkuName string = 'Standard_LRS'

@description('Days that deleted blobs can be brought back.')
@minValue(1)
@maxValue(365)
param softDeleteDays int = 7

@description('Containers that syncs may read, as SYNC_CONTAINERS takes them.')
param syncContainers string = ''

@description('What keeps the vectors of vector stores: files on Blob storage, or Azure AI Search.')
@allowed(['lancedb', 'azure_search'])
param vectorIndex string = 'lancedb'

@description('Index of the vector stores in Azure AI Search.')
param searchIndexName string = 'vector-stores'

@description('Index of your own in Azure AI Search that becomes the data source `search`; empty: none.')
param searchDataSourceIndexName string = ''

@description('Tier of Azure AI Search.')
@allowed(['basic', 'standard', 'standard2', 'standard3'])
param searchSkuName string = 'basic'

@description('Copies of its indexes.')
@minValue(1)
@maxValue(12)
param searchReplicaCount int = 1

@description('Parts of its indexes.')
@minValue(1)
@maxValue(12)
param searchPartitionCount int = 1

@description('Tier of its semantic ranker.')
@allowed(['disabled', 'free', 'standard'])
param searchSemanticRanker string = 'free'

@description('What runs the code of code_interpreter.')
@allowed(['pyodide', 'session_pool', 'off'])
param codeInterpreter string = 'pyodide'

@description('Who answers responses and keeps conversations: native: the app, over chat completions; upstream: the Azure OpenAI resource.')
@allowed(['native', 'upstream'])
param responsesMode string = 'native'

@description('Sessions of the session pool at once.')
@minValue(1)
@maxValue(600)
param sessionPoolMaxSessions int = 20

@description('Seconds without a call after which a session ends.')
@minValue(300)
@maxValue(3600)
param sessionPoolCooldownSeconds int = 300

// Data sources; more of them in dataSources.json

@description('Make a Cosmos DB for MongoDB vCore, which becomes the data source `cosmos`.')
param useMongoCluster bool = false

@description('Compute tier of the cluster.')
param mongoTier string = 'M30'

@description('Disk of the cluster in gigabytes.')
param mongoStorageGb int = 32

@description('A standby for the cluster.')
param mongoHighAvailability bool = false

@description('Administrator of the cluster.')
param mongoAdministratorLogin string = 'azureopenai'

@description('Password of the administrator; letters and digits.')
@secure()
param mongoAdministratorPassword string = ''

@description('Where the documents are in the cluster: database, collection, index, and names of the fields.')
param mongoDocuments object = {
  database: 'documents'
  collection: 'documents'
  index: 'vectors'
  contentField: 'content'
  vectorField: 'vector'
  titleField: 'title'
  urlField: 'url'
}

@description('Key that dataSources.json refers to as env:ELASTICSEARCH_KEY.')
@secure()
param elasticsearchKey string = ''

@description('Password that dataSources.json refers to as env:MONGODB_PASSWORD.')
@secure()
param mongoDbPassword string = ''

@description('Key that dataSources.json refers to as env:PINECONE_KEY.')
@secure()
param pineconeKey string = ''

@description('Hosts that data sources may reach although private, and that get tokens of the identity, joined by commas.')
param dataSourceAllowedHosts string = ''

// Network, vault, logs

@description('Join the app to a virtual network, and let only that reach storage, models, search and cluster.')
param useVirtualNetwork bool = false

@description('Address range of the network, /16 to /23.')
param virtualNetworkAddressPrefix string = '10.0.0.0/16'

@description('Protect the vault from being purged: its name is then taken for 90 days after `azd down`.')
param vaultPurgeProtection bool = false

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Most gigabytes of logs a day; -1: any number.')
param logDailyQuotaGb int = 5

@description('Collector of OpenTelemetry for spans and metrics of model calls; empty: none.')
param otlpEndpoint string = ''

@description('Prompts and answers go into those spans.')
param captureMessageContent bool = false

@description('Further settings of the package, by the names in README.md.')
param moreSettings object = {}

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var names = {
  functionApp: 'func-${token}'
  search: 'srch-${token}'
  mongo: 'mongo-${token}'
  packages: 'app-package'
}
var useSearch = vectorIndex == 'azure_search' || !empty(searchDataSourceIndexName)
var useSessionPool = codeInterpreter == 'session_pool'
var makesModels = empty(existingOpenAiEndpoint)
var searchHost = '${names.search}.search.windows.net'

var deployments = concat(
  [
    {
      name: chatDeploymentName
      model: { name: chatModelName, version: chatModelVersion }
      sku: { name: chatSkuName, capacity: chatCapacity }
    }
    {
      name: embeddingDeploymentName
      model: { name: embeddingModelName, version: embeddingModelVersion }
      sku: { name: embeddingSkuName, capacity: embeddingCapacity }
    }
  ],
  moreDeployments
)

var secretNames = concat(
  ['API_KEYS'],
  empty(existingOpenAiKey) ? [] : ['AZURE_OPENAI_API_KEY'],
  empty(elasticsearchKey) ? [] : ['ELASTICSEARCH_KEY'],
  empty(mongoDbPassword) ? [] : ['MONGODB_PASSWORD'],
  empty(pineconeKey) ? [] : ['PINECONE_KEY']
)

var mongoHosts = '*.mongocluster.cosmos.azure.com'
var allowedHosts = concat(
  empty(searchDataSourceIndexName) ? [] : [searchHost],
  useMongoCluster && useVirtualNetwork ? [mongoHosts] : [],
  empty(dataSourceAllowedHosts) ? [] : [dataSourceAllowedHosts]
)

var searchDataSource = empty(searchDataSourceIndexName)
  ? {}
  : {
      search: {
        type: 'azure_search'
        parameters: {
          endpoint: 'https://${searchHost}'
          index_name: searchDataSourceIndexName
          authentication: {
            type: 'user_assigned_managed_identity'
            managed_identity_resource_id: identity.outputs.id
          }
        }
      }
    }

var mongoDataSource = useMongoCluster
  ? {
      cosmos: {
        type: 'azure_cosmos_db'
        parameters: {
          authentication: { type: 'connection_string', connection_string: 'env:COSMOS_CONNECTION_STRING' }
          database_name: mongoDocuments.database
          container_name: mongoDocuments.collection
          index_name: mongoDocuments.index
          fields_mapping: {
            content_fields: [mongoDocuments.contentField]
            vector_fields: [mongoDocuments.vectorField]
            title_field: mongoDocuments.titleField
            url_field: mongoDocuments.urlField
          }
          embedding_dependency: { type: 'deployment_name', deployment_name: embeddingDeploymentName }
        }
      }
    }
  : {}

var dataSources = union(loadJsonContent('dataSources.json'), searchDataSource, mongoDataSource)

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: empty(resourceGroupName) ? 'rg-${environmentName}' : resourceGroupName
  location: location
  tags: tags
}

module identity 'app/identity.bicep' = {
  scope: group
  params: { name: 'id-${token}', location: location, tags: tags }
}

module monitoring 'app/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: 'log-${token}'
    applicationInsightsName: 'appi-${token}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'app/storage.bicep' = {
  scope: group
  params: {
    name: 'st${token}'
    location: location
    tags: tags
    skuName: storageSkuName
    packageContainerName: names.packages
    isPrivate: useVirtualNetwork
    softDeleteDays: softDeleteDays
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: deployerPrincipalId
    deployerPrincipalType: deployerPrincipalType
  }
}

module models 'app/models.bicep' = if (makesModels) {
  scope: group
  params: {
    name: 'oai-${token}'
    location: empty(modelLocation) ? location : modelLocation
    tags: tags
    deployments: deployments
    isPrivate: useVirtualNetwork
    appPrincipalId: identity.outputs.principalId
    deployerPrincipalId: deployerPrincipalId
    deployerPrincipalType: deployerPrincipalType
  }
}

module keyVault 'app/keyVault.bicep' = {
  scope: group
  params: {
    name: 'kv-${token}'
    location: location
    tags: tags
    purgeProtection: vaultPurgeProtection
    appPrincipalId: identity.outputs.principalId
    secretNames: secretNames
    secrets: {
      API_KEYS: apiKeys
      AZURE_OPENAI_API_KEY: existingOpenAiKey
      ELASTICSEARCH_KEY: elasticsearchKey
      MONGODB_PASSWORD: mongoDbPassword
      PINECONE_KEY: pineconeKey
    }
  }
}

module search 'app/search.bicep' = if (useSearch) {
  scope: group
  params: {
    name: names.search
    location: location
    tags: tags
    skuName: searchSkuName
    replicaCount: searchReplicaCount
    partitionCount: searchPartitionCount
    semanticSearch: searchSemanticRanker
    isVectorIndex: vectorIndex == 'azure_search'
    isPrivate: useVirtualNetwork
    appPrincipalId: identity.outputs.principalId
  }
}

module mongo 'app/mongo.bicep' = if (useMongoCluster) {
  scope: group
  params: {
    name: names.mongo
    location: location
    tags: tags
    tier: mongoTier
    storageGb: mongoStorageGb
    isHighlyAvailable: mongoHighAvailability
    administratorLogin: mongoAdministratorLogin
    administratorPassword: mongoAdministratorPassword
    isPrivate: useVirtualNetwork
    vaultName: keyVault.outputs.name
    secretName: 'COSMOS-CONNECTION-STRING'
  }
}

module sessionPool 'app/sessionPool.bicep' = if (useSessionPool) {
  scope: group
  params: {
    name: 'pool-${token}'
    location: location
    tags: tags
    maxConcurrentSessions: sessionPoolMaxSessions
    cooldownSeconds: sessionPoolCooldownSeconds
    appPrincipalId: identity.outputs.principalId
  }
}

module network 'app/network.bicep' = if (useVirtualNetwork) {
  scope: group
  params: { name: 'vnet-${token}', location: location, tags: tags, addressPrefix: virtualNetworkAddressPrefix }
}

module privateEndpoints 'app/privateEndpoints.bicep' = if (useVirtualNetwork) {
  scope: group
  params: {
    location: location
    tags: tags
    networkId: network!.outputs.id
    subnetId: network!.outputs.endpointSubnetId
    services: concat(
      [
        {
          name: 'blob'
          id: storage.outputs.id
          group: 'blob'
          zone: 'privatelink.blob.${environment().suffixes.storage}'
        }
        {
          name: 'queue'
          id: storage.outputs.id
          group: 'queue'
          zone: 'privatelink.queue.${environment().suffixes.storage}'
        }
        {
          name: 'table'
          id: storage.outputs.id
          group: 'table'
          zone: 'privatelink.table.${environment().suffixes.storage}'
        }
      ],
      makesModels
        ? [{ name: 'models', id: models!.outputs.id, group: 'account', zone: 'privatelink.openai.azure.com' }]
        : [],
      useSearch
        ? [
            { name: 'search', id: search!.outputs.id, group: 'searchService', zone: 'privatelink.search.windows.net' }
          ]
        : [],
      useMongoCluster
        ? [
            {
              name: 'mongo'
              id: mongo!.outputs.id
              group: 'MongoCluster'
              zone: 'privatelink.mongocluster.cosmos.azure.com'
            }
          ]
        : []
    )
  }
}

module blobEvents 'app/blobEvents.bicep' = {
  scope: group
  params: {
    name: 'evgt-${token}'
    location: location
    tags: tags
    storageAccountName: storage.outputs.name
  }
}

module functionApp 'app/functionApp.bicep' = {
  scope: group
  // Without them the app would start and reach nothing.
  dependsOn: [privateEndpoints]
  params: {
    name: names.functionApp
    planName: 'plan-${token}'
    location: location
    tags: tags
    serviceName: 'api'
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    nodeVersion: nodeVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    alwaysReadyHttp: alwaysReadyHttp
    alwaysReadyDurable: alwaysReadyDurable
    subnetId: useVirtualNetwork ? network!.outputs.appSubnetId : ''
    blobEndpoint: storage.outputs.blobEndpoint
    queueEndpoint: storage.outputs.queueEndpoint
    tableEndpoint: storage.outputs.tableEndpoint
    packageContainerName: names.packages
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    settings: union(
      moreSettings,
      {
        STORAGE: 'azure'
        AZURE_OPENAI_ENDPOINT: makesModels ? models!.outputs.endpoint : existingOpenAiEndpoint
        EMBEDDING_DEPLOYMENT: embeddingDeploymentName
        BLOB_TRIGGER_SOURCE: 'EventGrid'
        MAINTENANCE_SECONDS: string(maintenanceSeconds)
        CODE_INTERPRETER: codeInterpreter
        RESPONSES_MODE: responsesMode
        VECTOR_INDEX: vectorIndex
        // A file of 512 MB with what is around it in a form; the host's own limit is 100 MB.
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '553648128'
      },
      keyVault.outputs.references,
      empty(entraTenantId) ? {} : { ENTRA_TENANT_ID: entraTenantId },
      empty(entraAudience) ? {} : { ENTRA_AUDIENCE: entraAudience },
      empty(entraPrincipals) ? {} : { ENTRA_PRINCIPALS: entraPrincipals },
      empty(entraAuthority) ? {} : { ENTRA_AUTHORITY: entraAuthority },
      empty(syncContainers) ? {} : { SYNC_CONTAINERS: syncContainers },
      vectorIndex == 'azure_search'
        ? {
            AZURE_SEARCH_ENDPOINT: 'https://${searchHost}'
            AZURE_SEARCH_INDEX: searchIndexName
            // The free plan ends after 1,000 queries a month.
            AZURE_SEARCH_SEMANTIC_RANKER: searchSemanticRanker == 'standard' ? 'on' : 'off'
          }
        : {},
      useSessionPool ? { SESSION_POOL_ENDPOINT: sessionPool!.outputs.endpoint } : {},
      useMongoCluster ? { COSMOS_CONNECTION_STRING: mongo!.outputs.reference } : {},
      empty(dataSources) ? {} : { DATA_SOURCES: string(dataSources) },
      empty(allowedHosts) ? {} : { DATA_SOURCE_ALLOWED_HOSTS: join(allowedHosts, ',') },
      empty(otlpEndpoint) ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint },
      captureMessageContent ? { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' } : {}
    )
  }
}

@description('Address of the server: /v1 behind it for OpenAI SDKs.')
output API_URL string = functionApp.outputs.url

@description('Region.')
output AZURE_LOCATION string = location

@description('Resource group.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Function app.')
output AZURE_FUNCTION_NAME string = functionApp.outputs.name

@description('Storage account.')
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.name

@description('Key vault.')
output AZURE_KEY_VAULT_NAME string = keyVault.outputs.name

@description('Application Insights.')
output AZURE_APPLICATION_INSIGHTS_NAME string = monitoring.outputs.applicationInsightsName

@description('Azure OpenAI.')
output AZURE_OPENAI_ENDPOINT string = makesModels ? models!.outputs.endpoint : existingOpenAiEndpoint

@description('What callers give as model.')
output CHAT_DEPLOYMENT string = chatDeploymentName

@description('Topic of the events of the storage account.')
output BLOB_EVENTS_TOPIC_NAME string = blobEvents.outputs.name
