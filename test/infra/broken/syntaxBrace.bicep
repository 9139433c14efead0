// 2: syntax error
var names = { a: 'b'
