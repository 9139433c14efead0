// 2: the role 'Storage Blob Data Contributor' is not b7e6dc6d-f1e8-4753-8033-0f276bb0955b
var roles = loadJsonContent('roles.json')
