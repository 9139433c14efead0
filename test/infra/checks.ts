/** What can be known of Bicep files without a compiler. Each check gives findings: `path:line: what is wrong`. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { argumentsOf, bicepFile, loadedJson, type BicepFile } from './bicepFile';
import { builtInRoles } from './builtInRoles';
import { resourceTypes } from './resourceTypes';
import { subscripts, symbolFindings } from './symbols';
import { everyNode, membersOf, parseBicep, type SyntaxNode } from './syntaxTree';

/** Everything that is wrong with the files, which are looked at together. */
export function findingsOf(paths: readonly string[]): string[] {
  const files = new Map([...parseBicep(paths)].map(([path, tree]) => [path, bicepFile(path, tree)]));
  return [...files.values()].flatMap((file) => {
    const syntax = syntaxFindings(file);
    // A tree with faults says nothing about names.
    if (syntax.length > 0) return syntax.map((finding) => `${file.path}:${finding}`);
    const checks = [
      symbolFindings,
      moduleFindings,
      resourceFindings,
      roleFindings,
      descriptionFindings,
      secretFindings,
    ];
    return checks.flatMap((check) => check(file, files)).map((finding) => `${file.path}:${finding}`);
  });
}

function syntaxFindings({ tree }: BicepFile): string[] {
  return [...everyNode(tree)]
    .filter(({ type }) => type === 'ERROR' || type.startsWith('MISSING'))
    .map(({ line, type, text }) => `${line}: ${type === 'ERROR' ? `syntax error at '${text.slice(0, 40)}'` : type}`);
}

function moduleFindings(file: BicepFile, files: ReadonlyMap<string, BicepFile>): string[] {
  return [...file.modules.values()].flatMap((module) => {
    const path = join(dirname(file.path), module.reference);
    if (!existsSync(path)) return [`${module.line}: there is no file ${module.reference}`];
    const target = files.get(path);
    if (!target) return [`${module.line}: ${module.reference} is not among the checked files`];
    const given = argumentsOf(module);
    const findings: string[] = [];
    for (const [name, value] of given) {
      const parameter = target.parameters.get(name);
      if (!parameter) findings.push(`${value.line}: ${module.reference} has no parameter '${name}'`);
      const type = typeOf(value, file, files);
      if (parameter && type !== undefined && type !== parameter.type)
        findings.push(`${value.line}: ${module.reference} takes ${parameter.type} as '${name}', and is given ${type}`);
    }
    for (const [name, parameter] of target.parameters) {
      if (!parameter.default && !given.has(name))
        findings.push(`${module.line}: ${module.reference} is not given its parameter '${name}'`);
    }
    if (/^\s*targetScope = 'subscription'/m.test(file.tree.text) && !membersOf(module.body).has('scope'))
      findings.push(`${module.line}: ${module.reference} has no scope`);
    return findings;
  });
}

const literalTypes: Readonly<Record<string, string>> = {
  string: 'string',
  number: 'int',
  boolean: 'bool',
  array: 'array',
  object: 'object',
};

/** Undefined where it takes a compiler. */
function typeOf(node: SyntaxNode, file: BicepFile, files: ReadonlyMap<string, BicepFile>): string | undefined {
  if (node.type === 'identifier')
    return file.parameters.get(node.text)?.type ?? literalTypes[file.variables.get(node.text)?.type ?? ''];
  const [, module = '', output = ''] = /^(\w+)!?\.outputs\.(\w+)$/.exec(node.text) ?? [];
  const reference = file.modules.get(module)?.reference;
  if (reference) return files.get(join(dirname(file.path), reference))?.outputs.get(output)?.type;
  return literalTypes[node.type];
}

const usualMembers = ['name', 'location', 'tags', 'properties', 'parent', 'scope', 'dependsOn'];

function resourceFindings(file: BicepFile): string[] {
  return [...file.resources.values()].flatMap(({ reference, body, isExisting, line }) => {
    const [type = '', version] = reference.split('@');
    const known = resourceTypes[type];
    if (!known) return [`${line}: ${type} is not on the list of checked resource types`];
    const findings: string[] = [];
    if (known.version !== version)
      findings.push(`${line}: ${type} was checked in version ${known.version}, not ${version}`);
    const members = membersOf(body);
    for (const [name, value] of members) {
      if (!usualMembers.includes(name) && !known.members?.includes(name))
        findings.push(`${value.line}: ${type} has no '${name}' on the list`);
    }
    if (!members.has('name')) findings.push(`${line}: the resource has no name`);
    if (isExisting || known.isOpen) return findings;
    const properties = membersOf(members.get('properties'));
    for (const [name, value] of properties) {
      if (!known.properties.includes(name))
        findings.push(`${value.line}: ${type} has no property '${name}' on the list`);
    }
    for (const name of known.required ?? []) {
      if (!properties.has(name)) findings.push(`${line}: ${type} lacks '${name}'`);
    }
    return findings;
  });
}

const guid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/i;

function roleFindings(file: BicepFile): string[] {
  const findings = [...everyNode(file.tree)]
    .filter(({ type, text }) => type === 'string_content' && guid.test(text))
    .map(({ line }) => `${line}: GUIDs of roles belong into roles.json`);
  for (const [variable, { text, line }] of file.variables) {
    if (!/roles\.json'\)$/.test(text)) continue;
    for (const [name, id] of loadedJson(file, variable) ?? []) {
      if (builtInRoles[name] !== id) findings.push(`${line}: the role '${name}' is not ${String(id)}`);
    }
  }
  return findings;
}

/** The roles that the files assign, by name. */
export function assignedRoles(paths: readonly string[]): Set<string> {
  const trees = [...parseBicep(paths).values()];
  return new Set(trees.flatMap((tree) => subscripts(tree, 'roles')).map(({ member }) => member));
}

function descriptionFindings(file: BicepFile): string[] {
  return [...file.parameters, ...file.outputs]
    .filter(([, { isDescribed }]) => !isDescribed)
    .map(([name, { line }]) => `${line}: '${name}' has no description`);
}

/** Parameters that are secret by their name are secure, and what is secure does not get out. */
function secretFindings(file: BicepFile): string[] {
  const secure = [...file.parameters].filter(([, { isSecure }]) => isSecure).map(([name]) => name);
  const open = [...file.parameters]
    .filter(([name, { isSecure }]) => /(keys?|password|secrets?)$/i.test(name) && !isSecure)
    .map(([name, { line }]) => `${line}: '${name}' is not secure`);
  const shown = [...file.outputs]
    .filter(([, { value }]) =>
      [...everyNode(value)].some(
        ({ type, text }) => (type === 'identifier' && secure.includes(text)) || /^list\w+$/.test(text),
      ),
    )
    .map(([name, { line }]) => `${line}: the output '${name}' shows a secret`);
  return [...open, ...shown];
}

/** The roles of a roles.json, as read. */
export const rolesIn = (path: string): Record<string, unknown> => ({ ...JSON.parse(readFileSync(path, 'utf8')) });
