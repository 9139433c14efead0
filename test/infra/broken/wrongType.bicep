// 3: module.bicep takes int as 'count', and is given string
module other 'module.bicep' = {
  params: { name: 'x', count: '2' }
}
