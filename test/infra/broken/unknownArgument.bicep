// 3: module.bicep has no parameter 'nmae'
module other 'module.bicep' = {
  params: { name: 'x', nmae: 'y' }
}
