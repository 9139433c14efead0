// 2: 'name' has no description
output name string = 'x'
