// 2: GUIDs of roles belong into roles.json
var owner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
