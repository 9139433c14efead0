/** Names in a Bicep file: each must be declared, and what is declared must be used. */
import { dirname, join } from 'node:path';
import { loadedJson, type BicepFile } from './bicepFile';
import { membersOf, plainText, type SyntaxNode } from './syntaxTree';

/** Functions of Bicep that are used here: https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions. */
const functions = new Set(
  'cidrSubnet concat empty environment guid items join listKeys loadJsonContent map replace string subscription subscriptionResourceId tenant toLower toObject union uniqueString uriComponent'.split(
    ' ',
  ),
);
const decorators = new Set(
  'allowed batchSize description maxLength maxValue metadata minLength minValue secure'.split(' '),
);
const resourceMembers = new Set('apiVersion id identity kind location name properties sku tags type'.split(' '));

/** `variable['member']`, by the text: the grammar takes it for two elements where it stands in an array. */
export function subscripts({ text }: SyntaxNode, variable: string): { member: string; line: number }[] {
  return [...text.matchAll(new RegExp(`\\b${variable}\\['([^']+)'\\]`, 'g'))].map(({ 1: member = '', index }) => ({
    member,
    line: text.slice(0, index).split('\n').length,
  }));
}

/** What is wrong with the names of a file: `line: what`. `files` by path, for the outputs of modules. */
export function symbolFindings(file: BicepFile, files: ReadonlyMap<string, BicepFile>): string[] {
  const findings: string[] = [];
  const used = new Set<string>();
  const declared = new Set([
    ...file.parameters.keys(),
    ...file.variables.keys(),
    ...file.resources.keys(),
    ...file.modules.keys(),
  ]);

  function visit(node: SyntaxNode, locals: ReadonlySet<string>): void {
    const children = node.children.filter(({ type }) => type !== 'comment');
    const [first, ...others] = children;
    switch (node.type) {
      case 'parameter_declaration':
      case 'variable_declaration':
      case 'output_declaration':
      case 'resource_declaration':
      case 'module_declaration':
        return others.forEach((child) => visit(child, locals));
      case 'type':
        return;
      case 'object_property':
        if (first?.type === 'string') visit(first, locals);
        return others.forEach((child) => visit(child, locals));
      case 'decorator': {
        const [call] = children;
        const name = call?.children[0]?.text ?? '';
        if (!decorators.has(name)) findings.push(`${node.line}: there is no decorator '${name}'`);
        return;
      }
      case 'lambda_expression': {
        const body = children.at(-1);
        const names = children.slice(0, -1).map(({ text }) => text);
        if (body) visit(body, new Set([...locals, ...names]));
        return;
      }
      case 'for_statement': {
        const names = /^\[?\s*for\s+(?:\(\s*(\w+)\s*,\s*(\w+)\s*\)|(\w+))/.exec(node.text)?.slice(1) ?? [];
        const inner = new Set([...locals, ...names.filter(Boolean)]);
        return others.forEach((child) => visit(child, child.field === 'body' ? inner : locals));
      }
      case 'call_expression':
        if (first?.type === 'identifier' && !functions.has(first.text))
          findings.push(`${node.line}: there is no function '${first.text}'`);
        if (first?.type !== 'identifier') children.forEach((child) => visit(child, locals));
        return others.forEach((child) => visit(child, locals));
      case 'member_expression':
      case 'subscript_expression':
        checkMember(node, locals);
        return children.filter(({ type }) => type !== 'property_identifier').forEach((child) => visit(child, locals));
      case 'identifier':
        if (locals.has(node.text)) return;
        used.add(node.text);
        if (!declared.has(node.text)) findings.push(`${node.line}: '${node.text}' is not declared`);
        return;
      default:
        return children.forEach((child) => visit(child, locals));
    }
  }

  /** `module.outputs.name`, `resource.member` and `variable.member`. */
  function checkMember(node: SyntaxNode, locals: ReadonlySet<string>): void {
    const [object, member] = node.children;
    if (!object || !member) return;
    const [root, outputs] = object.children;
    const name = member.type === 'property_identifier' ? member.text : plainText(member);
    const module = file.modules.get(root?.text ?? '');
    if (object.type === 'member_expression' && module && outputs?.text === 'outputs') {
      const target = files.get(join(dirname(file.path), module.reference));
      if (target && !target.outputs.has(member.text))
        findings.push(`${node.line}: ${module.reference} has no output '${member.text}'`);
      return;
    }
    if (object.type !== 'identifier' || locals.has(object.text) || name === undefined) return;
    if (file.modules.has(object.text) && name !== 'outputs')
      findings.push(`${node.line}: a module has outputs, and no '${name}'`);
    if (file.resources.has(object.text) && member.type === 'property_identifier' && !resourceMembers.has(name))
      findings.push(`${node.line}: the resource '${object.text}' has no '${name}'`);
    const literal = file.variables.get(object.text) ?? file.parameters.get(object.text)?.default;
    if (literal?.type === 'object' && !membersOf(literal).has(name))
      findings.push(`${node.line}: '${object.text}' has no member '${name}'`);
  }

  visit(file.tree, new Set());
  for (const variable of file.variables.keys()) {
    const members = loadedJson(file, variable);
    for (const { member, line } of members ? subscripts(file.tree, variable) : []) {
      if (!members?.has(member)) findings.push(`${line}: '${variable}' has no member '${member}'`);
    }
  }
  const mustBeUsed = [
    ...[...file.parameters].map(([name, { line }]) => ({ name, line, what: 'parameter' })),
    ...[...file.variables].map(([name, { line }]) => ({ name, line, what: 'variable' })),
    ...[...file.resources].flatMap(([name, { line, isExisting }]) =>
      isExisting ? [{ name, line, what: 'existing resource' }] : [],
    ),
  ];
  for (const { name, line, what } of mustBeUsed) {
    if (!used.has(name)) findings.push(`${line}: the ${what} '${name}' is not used`);
  }
  return findings;
}
