// 2: there is no decorator 'secret'
@secret()
@description('x')
param name string
