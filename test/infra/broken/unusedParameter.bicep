// 3: the parameter 'name' is not used
@description('x')
param name string
