/** What a Bicep file declares. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { everyNode, membersOf, plainText, type SyntaxNode } from './syntaxTree';

export interface Parameter {
  type: string;
  default?: SyntaxNode;
  isSecure: boolean;
  isDescribed: boolean;
  allowed?: string[];
  line: number;
}

export interface Output {
  type: string;
  value: SyntaxNode;
  isDescribed: boolean;
  line: number;
}

/** A resource or a module: with its object, which may stand in a loop or behind a condition. */
export interface Block {
  /** Type and version of a resource, path of a module. */
  reference: string;
  /** Everything behind the equals sign. */
  value: SyntaxNode;
  body: SyntaxNode;
  condition?: SyntaxNode;
  isExisting: boolean;
  line: number;
}

export interface BicepFile {
  path: string;
  tree: SyntaxNode;
  parameters: Map<string, Parameter>;
  variables: Map<string, SyntaxNode>;
  resources: Map<string, Block>;
  modules: Map<string, Block>;
  outputs: Map<string, Output>;
}

/** Reads the declarations from the tree. */
export function bicepFile(path: string, tree: SyntaxNode): BicepFile {
  const file: BicepFile = {
    path,
    tree,
    parameters: new Map(),
    variables: new Map(),
    resources: new Map(),
    modules: new Map(),
    outputs: new Map(),
  };
  let decorators: SyntaxNode[] = [];
  for (const node of tree.children) {
    if (node.type === 'decorators') decorators = node.children;
    else if (node.type !== 'comment') {
      declare(file, node, decorators);
      decorators = [];
    }
  }
  return file;
}

function declare(file: BicepFile, node: SyntaxNode, decorators: SyntaxNode[]): void {
  const [name, second, third] = node.children.filter(({ type }) => type !== 'comment');
  if (!name) return;
  const isDecorated = (decorator: string) => decorators.some(({ text }) => text.startsWith(`@${decorator}(`));
  const { line } = node;
  if (node.type === 'parameter_declaration') {
    const allowed = decorators.find(({ text }) => text.startsWith('@allowed('));
    file.parameters.set(name.text, {
      type: second?.text ?? 'any',
      default: third,
      isSecure: isDecorated('secure'),
      isDescribed: isDecorated('description'),
      allowed: allowed && [...everyNode(allowed)].flatMap((each) => plainText(each) ?? []),
      line,
    });
  } else if (node.type === 'variable_declaration' && second) file.variables.set(name.text, second);
  else if (node.type === 'output_declaration' && second && third) {
    file.outputs.set(name.text, { type: second.text, value: third, isDescribed: isDecorated('description'), line });
  } else if ((node.type === 'resource_declaration' || node.type === 'module_declaration') && third) {
    const blocks = node.type === 'resource_declaration' ? file.resources : file.modules;
    const { body, condition } = bodyOf(third);
    const isExisting = /^resource\s+\w+\s+'[^']*'\s+existing\b/.test(node.text);
    blocks.set(name.text, { reference: plainText(second) ?? '', value: third, body, condition, isExisting, line });
  }
}

/** The object in a loop, behind a condition, or both. */
function bodyOf(value: SyntaxNode): { body: SyntaxNode; condition?: SyntaxNode } {
  if (value.type === 'object') return { body: value };
  const inner = value.children.filter(({ type }) => type !== 'comment');
  const last = inner.at(-1);
  if (!last) return { body: value };
  const { body, condition } = bodyOf(last);
  return { body, condition: value.type === 'if_statement' ? inner[0] : condition };
}

/** The names in the JSON file that a variable loads, or undefined for other variables. */
export function loadedJson(file: BicepFile, variable: string): Map<string, unknown> | undefined {
  const value = file.variables.get(variable);
  const path = /^loadJsonContent\('([^']*)'\)$/.exec(value?.text ?? '')?.[1];
  if (path === undefined) return undefined;
  return new Map(Object.entries(JSON.parse(readFileSync(join(dirname(file.path), path), 'utf8'))));
}

/** What a module is given. */
export const argumentsOf = (module: Block): Map<string, SyntaxNode> => membersOf(membersOf(module.body).get('params'));
