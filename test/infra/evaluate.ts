/** Evaluates expressions of Bicep files as Azure Resource Manager would, as far as they are used in infra: to see which settings an app gets. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argumentsOf, bicepFile, type BicepFile } from './bicepFile';
import { childOf, membersOf, parseBicep, plainText, type SyntaxNode } from './syntaxTree';

/** What only Azure knows: a member of a resource, or an answer of it. */
class Runtime {
  constructor(readonly path: string) {}

  /** An address where the name says that it is one, otherwise the path itself. */
  toString(): string {
    const isAddress = /endpoint|uri$|primaryEndpoints/i.test(this.path);
    return isAddress ? `https://${this.path.replace(/\W+/g, '-').toLowerCase()}.example.net/` : this.path;
  }
}

/** A function of an expression. */
type Lambda = (...values: unknown[]) => unknown;

/** A Bicep file with the values of its parameters. */
export interface Deployment {
  /** The value of an expression of the file, without anything left that only Azure knows. */
  value: (node: SyntaxNode | undefined) => unknown;
  /** A module of the file with what it is given, or undefined where its condition is false. */
  module: (name: string) => Deployment | undefined;
  file: BicepFile;
}

/** Parses the files and gives what a deployment of one of them comes to. */
export function deployments(
  paths: readonly string[],
): (path: string, parameters: Record<string, unknown>) => Deployment {
  const files = new Map([...parseBicep(paths)].map(([path, tree]) => [path, bicepFile(path, tree)]));
  return (path, parameters) => deployment(path, parameters, files);
}

function deployment(
  path: string,
  parameters: Record<string, unknown>,
  files: ReadonlyMap<string, BicepFile>,
): Deployment {
  const file = files.get(path);
  if (!file) throw new Error(`${path} was not parsed.`);
  const none: ReadonlyMap<string, unknown> = new Map();

  function nameValue(name: string): unknown {
    const parameter = file?.parameters.get(name);
    if (parameter) {
      if (name in parameters) return parameters[name];
      if (!parameter.default) throw new Error(`${path} is not given '${name}'.`);
      return evaluate(parameter.default, none);
    }
    const variable = file?.variables.get(name);
    if (variable) return evaluate(variable, none);
    if (file?.resources.has(name) || file?.modules.has(name)) return new Runtime(name);
    throw new Error(`${path} does not declare '${name}'.`);
  }

  function module(name: string): Deployment | undefined {
    const block = file?.modules.get(name);
    if (!block) throw new Error(`${path} has no module '${name}'.`);
    if (block.condition && evaluate(block.condition, none) !== true) return undefined;
    const given = [...argumentsOf(block)].map(([key, node]) => [key, evaluate(node, none)] as const);
    return deployment(join(dirname(path), block.reference), Object.fromEntries(given), files);
  }

  function member(node: SyntaxNode, locals: ReadonlyMap<string, unknown>): unknown {
    const [object, key] = node.children;
    if (!object || !key) throw new Error(`'${node.text}' is not understood.`);
    // The grammar takes `x => x.y` for `(x => x).y`.
    if (object.type === 'lambda_expression') {
      const [variable, body] = object.children;
      return (value: unknown) => read(evaluate(body, new Map([...locals, [variable?.text ?? '', value]])), key.text);
    }
    const [root, outputs] = object.children;
    if (object.type === 'member_expression' && outputs?.text === 'outputs' && file?.modules.has(root?.text ?? '')) {
      const target = module(root?.text ?? '');
      if (!target) throw new Error(`'${node.text}' is read, although the module is not deployed.`);
      return target.value(target.file.outputs.get(key.text)?.value);
    }
    const name = key.type === 'property_identifier' ? key.text : String(evaluate(key, locals));
    const resource = object.type === 'identifier' ? file?.resources.get(object.text) : undefined;
    if (resource && name === 'name') return evaluate(membersOf(resource.body).get('name'), locals);
    return read(evaluate(object, locals), name);
  }

  function evaluate(node: SyntaxNode | undefined, locals: ReadonlyMap<string, unknown>): unknown {
    if (!node) throw new Error(`${path}: an expression is missing.`);
    const children = node.children.filter(({ type }) => type !== 'comment');
    const part = (field: string) => evaluate(childOf(node, field), locals);
    switch (node.type) {
      case 'identifier':
        return locals.has(node.text) ? locals.get(node.text) : nameValue(node.text);
      case 'string':
        return children
          .map((child) =>
            child.type === 'interpolation'
              ? String(evaluate(child.children[0], locals))
              : child.text.replace(/\\(.)/g, '$1'),
          )
          .join('');
      case 'number':
        return Number(node.text);
      case 'boolean':
        return node.text === 'true';
      case 'null':
        return null;
      case 'parenthesized_expression':
        return evaluate(children[0], locals);
      case 'array':
        return children.map((child) => evaluate(child, locals));
      case 'object':
        return Object.fromEntries(
          children.map(({ children: [key, value] }) => [
            key?.type === 'string' ? String(evaluate(key, locals)) : key?.text,
            evaluate(value, locals),
          ]),
        );
      case 'ternary_expression':
        return part('condition') === true ? part('consequence') : part('alternative');
      case 'unary_expression':
        return childOf(node, 'operator')?.text === '!' ? part('argument') !== true : -Number(part('argument'));
      case 'binary_expression':
        return binary(
          childOf(node, 'operator')?.text ?? '',
          () => part('left'),
          () => part('right'),
        );
      case 'lambda_expression': {
        const names = children.slice(0, -1).map(({ text }) => text);
        return (...values: unknown[]) =>
          evaluate(
            children.at(-1),
            new Map([...locals, ...names.map((name, index) => [name, values[index]] as const)]),
          );
      }
      case 'member_expression':
      case 'subscript_expression':
        return member(node, locals);
      case 'call_expression': {
        const name = childOf(node, 'function')?.text ?? '';
        const given = childOf(node, 'arguments')?.children.filter(({ type }) => type !== 'comment') ?? [];
        if (name === 'loadJsonContent')
          return JSON.parse(readFileSync(join(dirname(path), plainText(given[0]) ?? ''), 'utf8'));
        const call = functions[name];
        if (!call) throw new Error(`The function '${name}' is not evaluated here.`);
        return call(...given.map((each) => evaluate(each, locals)));
      }
      default:
        throw new Error(`${path}:${node.line}: ${node.type} is not evaluated here.`);
    }
  }

  return { file, module, value: (node) => settled(evaluate(node, none)) };
}

function binary(operator: string, left: () => unknown, right: () => unknown): unknown {
  switch (operator) {
    case '==':
      return left() === right();
    case '!=':
      return left() !== right();
    case '&&':
      return left() === true && right() === true;
    case '||':
      return left() === true || right() === true;
    case '>':
      return Number(left()) > Number(right());
    case '??':
      return left() ?? right();
    default:
      throw new Error(`The operator ${operator} is not evaluated here.`);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Runtime);

function read(value: unknown, name: string): unknown {
  if (value instanceof Runtime) return new Runtime(`${value.path}.${name}`);
  if (isObject(value) && name in value) return value[name];
  throw new Error(`There is no member '${name}'.`);
}

/** With what only Azure knows as text. */
function settled(value: unknown): unknown {
  if (value instanceof Runtime) return value.toString();
  if (Array.isArray(value)) return value.map(settled);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, settled(member)]));
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => String(value);
const call = (lambda: unknown, value: unknown): unknown => {
  if (typeof lambda !== 'function') throw new Error('A lambda is missing.');
  return lambda(value);
};

function union(first: unknown, second: unknown): unknown {
  if (Array.isArray(first)) return [...new Set([...first, ...list(second)])];
  if (!isObject(first) || !isObject(second)) return second;
  const merged = { ...first };
  for (const [key, value] of Object.entries(second)) merged[key] = key in first ? union(first[key], value) : value;
  return merged;
}

const functions: Readonly<Record<string, Lambda>> = {
  concat: (...arrays) => arrays.flatMap(list),
  union: (...values) => values.reduce(union),
  empty: (value) =>
    value === null ||
    value === '' ||
    (isObject(value) ? Object.keys(value).length === 0 : list(value).length === 0 && Array.isArray(value)),
  string: (value) => (typeof value === 'string' ? value : JSON.stringify(settled(value))),
  join: (values, separator) => list(values).map(text).join(text(separator)),
  replace: (value, old, fresh) => text(value).replaceAll(text(old), text(fresh)),
  toLower: (value) => text(value).toLowerCase(),
  uriComponent: (value) => encodeURIComponent(text(value)),
  map: (values, lambda) => list(values).map((value) => call(lambda, value)),
  toObject: (values, key, value) =>
    Object.fromEntries(list(values).map((each) => [text(call(key, each)), call(value, each)])),
  uniqueString: () => 'abcdefghijklm',
  guid: () => '00000000-0000-0000-0000-000000000000',
  subscription: () => ({ id: '/subscriptions/s', subscriptionId: 's' }),
  subscriptionResourceId: (...parts) => parts.map(text).join('/'),
  tenant: () => ({ tenantId: 't' }),
  environment: () => ({ suffixes: { storage: 'core.windows.net', keyvaultDns: '.vault.azure.net' } }),
  cidrSubnet: (range) => range,
  listKeys: () => new Runtime('keys'),
};
