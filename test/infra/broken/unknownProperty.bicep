// 4: Microsoft.Web/serverfarms has no property 'reservd' on the list
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'x'
  properties: { reservd: true }
}
