// 7: module.bicep has no output 'ID'
module other 'module.bicep' = {
  params: { name: 'x' }
}

@description('x')
output id string = other.outputs.ID
