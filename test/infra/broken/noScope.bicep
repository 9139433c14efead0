// 4: module.bicep has no scope
targetScope = 'subscription'

module other 'module.bicep' = {
  params: { name: 'x' }
}
