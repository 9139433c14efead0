// 3: there is no function 'uniqString'
@description('x')
output name string = uniqString('x')
