// 2: Microsoft.Web/serverfarms was checked in version 2025-03-01, not 2022-03-01
resource plan 'Microsoft.Web/serverfarms@2022-03-01' = {
  name: 'x'
  properties: { reserved: true }
}
