// 3: syntax error
@description('x')
param name string 'x'
output o string = name
