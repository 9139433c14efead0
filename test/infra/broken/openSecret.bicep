// 3: 'apiKey' is not secure
@description('x')
param apiKey string
