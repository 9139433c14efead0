// 5: 'names' has no member 'plna'
var names = { plan: 'x' }

@description('x')
output name string = names.plna
