import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assignedRoles, findingsOf, rolesIn } from './checks';
import { bicepFile } from './bicepFile';
import { builtInRoles } from './builtInRoles';
import { resourceTypes } from './resourceTypes';
import { membersOf, parseBicep } from './syntaxTree';

const infra = join(__dirname, '../../infra');
const bicepIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.bicep'))
    .map((path) => join(folder, path));
const files = bicepIn(infra);

test('the Bicep files parse, their names resolve, and their resources and roles are on the checked lists', () => {
  expect(files.length).toBeGreaterThan(10);
  expect(findingsOf(files)).toEqual([]);
});

test('every role of roles.json is assigned, and the table of built-in roles has no more', () => {
  const roles = Object.keys(rolesIn(join(infra, 'roles.json'))).sort();
  expect([...assignedRoles(files)].sort()).toEqual(roles);
  expect(Object.keys(builtInRoles).sort()).toEqual(roles);
});

test('whoever deploys gets a role on the container of uploads alone, and not on the account with everybody’s files', () => {
  const path = join(infra, 'app/storage.bicep');
  const scopes = [...parseBicep([path]).values()]
    .flatMap((tree) => [...bicepFile(path, tree).resources.values()])
    .filter(({ reference, value }) => /roleAssignments@/.test(reference) && value.text.includes('deployerPrincipalId'))
    .map(({ body }) => membersOf(body).get('scope')?.text);
  expect(scopes).toEqual(['uploads']);
});

test('the list of resource types has none that is not used, and names a source for each', () => {
  const text = files.map((path) => readFileSync(path, 'utf8')).join('\n');
  const unused = Object.entries(resourceTypes).filter(([type, { version }]) => !text.includes(`'${type}@${version}'`));
  expect(unused.map(([type]) => type)).toEqual([]);
  for (const { source } of Object.values(resourceTypes)) expect(source).toMatch(/^(types|sample): \S/);
});

const broken = join(__dirname, 'broken');
const faults = readdirSync(broken)
  .filter((name) => name.endsWith('.bicep') && !name.startsWith('module'))
  .map((name) => {
    const [, line = '', finding = ''] = /^\/\/ (\d+): ([^\r\n]+)/.exec(readFileSync(join(broken, name), 'utf8')) ?? [];
    return { name, line, finding };
  });

test.each(faults)('$name is caught: $finding', ({ name, line, finding }) => {
  const path = join(broken, name);
  expect(findingsOf([path, join(broken, 'module.bicep')])).toContainEqual(
    expect.stringContaining(`${path}:${line}: ${finding}`),
  );
});

test('the fixture that has no fault gives no finding, so that the others are caught for theirs', () => {
  expect(findingsOf([join(broken, 'module.bicep')])).toEqual([]);
});
