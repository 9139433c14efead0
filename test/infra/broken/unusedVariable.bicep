// 2: the variable 'name' is not used
var name = 'x'
