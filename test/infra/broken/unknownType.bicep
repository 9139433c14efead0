// 2: Microsoft.Web/serverFarm is not on the list
resource plan 'Microsoft.Web/serverFarm@2025-03-01' = {
  name: 'x'
}
