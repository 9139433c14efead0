// 3: 'nope' is not declared
@description('x')
output id string = nope
