@description('Name.')
param name string

@description('Number.')
param count int = 1

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: '${name}${count}'
  properties: { reserved: true }
}

@description('Resource id.')
output id string = plan.id
