// 8: the resource 'plan' has no 'resourceId'
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'x'
  properties: { reserved: true }
}

@description('x')
output id string = plan.resourceId
