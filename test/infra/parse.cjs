// Prints the syntax trees of the given Bicep files as JSON: a process of its own, since native modules do not get on with the realms of jest.
const { readFileSync } = require('node:fs');
const Parser = require('tree-sitter');
const bicep = require('tree-sitter-bicep');

const parser = new Parser();
parser.setLanguage(bicep);

/** Only what has a name in the grammar, and the operators. */
function node(cursor) {
  const { currentNode: at, currentFieldName: field } = cursor;
  const children = [];
  if (cursor.gotoFirstChild()) {
    do {
      const child = cursor.currentNode;
      if (child.isNamed || child.isError || child.isMissing || cursor.currentFieldName === 'operator') {
        children.push(node(cursor));
      }
    } while (cursor.gotoNextSibling());
    cursor.gotoParent();
  }
  const type = at.isMissing ? `MISSING ${at.type}` : at.type;
  return { type, ...(field && { field }), text: at.text, line: at.startPosition.row + 1, children };
}

const trees = {};
for (const path of process.argv.slice(2)) {
  const text = readFileSync(path, 'utf8');
  // The parser's own buffer is too small for long files.
  const tree = parser.parse((index) => text.slice(index, index + 1024));
  trees[path] = node(tree.walk());
}
console.log(JSON.stringify(trees));
