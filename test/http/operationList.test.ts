import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { families } from '../../src/functions/families';
import { operationList } from '../../src/http/operationList';

const file = join(__dirname, '..', '..', 'docs', 'operations.md');
const served = families.flatMap(({ operations }) => operations);

it('docs/operations.md lists just what is declared', () => {
  const list = operationList(served);
  if (process.env.UPDATE_DOCS) writeFileSync(file, list);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(list);
});

it('every operation of the contract is served, once', () => {
  const numbers = served.flatMap(({ number }) => (number === undefined ? [] : [number]));
  expect(new Set(numbers).size).toBe(numbers.length);
  expect(numbers.sort((a, b) => a - b)).toEqual(Array.from({ length: 52 }, (_, index) => index + 1));
});
