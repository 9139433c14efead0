// 2: there is no file nowhere.bicep
module other 'nowhere.bicep' = {
  params: {}
}
