// 5: 'roles' has no member 'Storage Blob Owner'
var roles = loadJsonContent('roles.json')

@description('x')
output role string = roles['Storage Blob Owner']
