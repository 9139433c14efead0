// 4: Microsoft.Web/serverfarms has no 'skuName' on the list
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'x'
  skuName: 'FC1'
  properties: { reserved: true }
}
