// 2: module.bicep is not given its parameter 'name'
module other 'module.bicep' = {
  params: { count: 2 }
}
