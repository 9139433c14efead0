/** Syntax trees of Bicep files, by tree-sitter-bicep. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';

export interface SyntaxNode {
  /** The grammar's name; `ERROR`, or `MISSING …`, where the text does not fit it. */
  type: string;
  /** What the node is to its parent, where the grammar says so. */
  field?: string;
  text: string;
  /** From 1. */
  line: number;
  children: SyntaxNode[];
}

const syntaxNode: z.ZodType<SyntaxNode> = z.lazy(() =>
  z.object({
    type: z.string(),
    field: z.string().optional(),
    text: z.string(),
    line: z.number(),
    children: z.array(syntaxNode),
  }),
);

/** The trees by path. Throws where the parser cannot be run. */
export function parseBicep(paths: readonly string[]): Map<string, SyntaxNode> {
  const script = join(__dirname, 'parse.cjs');
  const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...paths], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`The parser of Bicep failed: ${stderr}`);
  return new Map(Object.entries(z.record(z.string(), syntaxNode).parse(JSON.parse(stdout))));
}

/** The node and everything in it. */
export function* everyNode(node: SyntaxNode): Generator<SyntaxNode> {
  yield node;
  for (const child of node.children) yield* everyNode(child);
}

export const childOf = (node: SyntaxNode, field: string): SyntaxNode | undefined =>
  node.children.find((child) => child.field === field);

/** The text of a string without interpolations; undefined for everything else. */
export function plainText(node: SyntaxNode | undefined): string | undefined {
  if (node?.type !== 'string' || node.children.some(({ type }) => type === 'interpolation')) return undefined;
  return node.text.slice(1, -1).replace(/\\(.)/g, '$1');
}

/** The members of an object with plain names: name → value. */
export function membersOf(object: SyntaxNode | undefined): Map<string, SyntaxNode> {
  const members = new Map<string, SyntaxNode>();
  for (const property of object?.children ?? []) {
    const [key, value] = property.children;
    const name = key?.type === 'string' ? plainText(key) : key?.text;
    if (property.type === 'object_property' && name !== undefined && value) members.set(name, value);
  }
  return members;
}
