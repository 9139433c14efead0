// Tells the blob trigger of new uploads. Deployed by hooks/subscribeToUploads.mjs after the app: the key of the trigger's webhook exists once the
// host has loaded the deployed triggers, and Event Grid asks the webhook for its consent when the subscription is made.

@description('Name of the function app.')
param functionAppName string

@description('Name of the topic of the storage account.')
param topicName string

@description('Account of the topic, which keeps events that could not be delivered.')
param storageAccountName string

@description('Name of the blob trigger.')
param functionName string = 'uploads'

@description('Container that the trigger watches.')
param containerName string = 'uploads'

resource functionApp 'Microsoft.Web/sites@2025-03-01' existing = {
  name: functionAppName
}

resource account 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageAccountName
}

resource topic 'Microsoft.EventGrid/systemTopics@2025-02-15' existing = {
  name: topicName
}

resource subscription 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: topic
  name: 'uploads'
  properties: {
    destination: {
      endpointType: 'WebHook'
      properties: {
        endpointUrl: 'https://${functionApp.properties.defaultHostName}/runtime/webhooks/blobs?functionName=Host.Functions.${functionName}&code=${listKeys('${functionApp.id}/host/default', '2025-03-01').systemKeys.blobs_extension}'
      }
    }
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: ['Microsoft.Storage.BlobCreated']
      subjectBeginsWith: '/blobServices/default/containers/${containerName}/'
    }
    retryPolicy: { maxDeliveryAttempts: 30, eventTimeToLiveInMinutes: 1440 }
    deadLetterWithResourceIdentity: {
      identity: { type: 'SystemAssigned' }
      deadLetterDestination: {
        endpointType: 'StorageBlob'
        properties: { resourceId: account.id, blobContainerName: 'dead-letters' }
      }
    }
  }
}

@description('Name of the subscription.')
output name string = subscription.name
