/** The examples of the published reference (examples.json), and how an answer is compared with a printed one. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface PublishedExample {
  id: string;
  operation: number;
  title: string;
  request: { method: string; path: string; query: Record<string, string>; content_type: string | null; body: unknown };
  response: { status: number; body: unknown };
}

const FILE = join(process.cwd(), '..', 'shared', 'contract', 'examples.json');

/** Undefined where the folder with the contract is not there. */
export function publishedExamples(): PublishedExample[] | undefined {
  if (!existsSync(FILE)) return undefined;
  return (JSON.parse(readFileSync(FILE, 'utf8')) as { examples: PublishedExample[] }).examples;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Paths of the printed fields that the answer lacks or has in another type. Null stands for a value of any type, in either of them, for a
 * field that may be null is null only sometimes. Arrays are compared by their first items.
 */
export function shapeFaults(printed: unknown, answer: unknown, path = ''): string[] {
  if (printed === null || answer === null) return [];
  if (Array.isArray(printed)) {
    if (!Array.isArray(answer)) return [`${path} is no array`];
    if (printed.length === 0) return [];
    return answer.length === 0 ? [`${path} is empty`] : shapeFaults(printed[0], answer[0], `${path}[0]`);
  }
  if (!isObject(printed)) return typeof printed === typeof answer ? [] : [`${path} is a ${typeof answer}`];
  if (!isObject(answer)) return [`${path} is no object`];
  return Object.entries(printed).flatMap(([name, value]) =>
    name in answer ? shapeFaults(value, answer[name], `${path}.${name}`) : [`${path}.${name} is missing`],
  );
}

/** Fields whose printed value every answer has, whatever its ids and times. */
const FIXED = [
  ...['object', 'deleted', 'has_more', 'metadata', 'last_error'],
  ...['response_format', 'temperature', 'top_p', 'truncation_strategy', 'tool_choice'],
];

/** Names of the fixed fields, and of those that the request gave, whose value differs from the printed one. Ids differ by nature. */
export function valueFaults({ request, response }: PublishedExample, answer: unknown): string[] {
  const [printed, given] = [response.body, request.body];
  if (!isObject(printed) || !isObject(answer)) return ['the answer is no object'];
  const names = [...FIXED, ...(isObject(given) ? Object.keys(given) : [])];
  return names.filter(
    (name) =>
      name in printed && !name.endsWith('_id') && JSON.stringify(printed[name]) !== JSON.stringify(answer[name]),
  );
}
