// 2: Microsoft.Web/serverfarms lacks 'reserved'
resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'x'
}
