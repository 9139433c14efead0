// 7: the output 'shown' shows a secret
@description('x')
@secure()
param apiKey string

@description('x')
output shown string = 'a${apiKey}'
