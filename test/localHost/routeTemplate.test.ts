import { parseRouteTemplate } from '../../src/localHost/routeTemplate';

const match = (template: string, path: string) => parseRouteTemplate(template).match(path);

describe('route templates', () => {
  it.each([
    ['items', '/items', {}],
    ['items', '/ITEMS/', {}],
    ['items', '/items/x', undefined],
    ['', '/', {}],
    ['', '/x', undefined],
    ['items/{id}', '/items/a b', { id: 'a b' }],
    ['items/{id}', '/items', undefined],
    ['items/{id}', '/items/', undefined],
    ['items/{id}/parts/{part}', '/items/1/parts/2', { id: '1', part: '2' }],
    ['{name}.{ext}', '/a.tar.gz', { name: 'a.tar', ext: 'gz' }],
    ['a.b', '/aXb', undefined],
    ['{{x}}', '/{x}', {}],
  ])('matches %s on %s as %j', (template, path, params) => {
    expect(match(template, path)).toEqual(params);
  });

  it.each([
    ['{*rest}', '/', {}],
    ['{*rest}', '/a/b/', { rest: 'a/b/' }],
    ['v1/{*rest}', '/v1', {}],
    ['v1/{*rest}', '/v1/', {}],
    ['v1/{**rest}', '/v1/a%2Fb/c', { rest: 'a%2Fb/c' }],
    ['v1/{*rest}', '/v10', undefined],
    ['v1/{id}/{*rest}', '/v1/x', { id: 'x' }],
  ])('lets a catch-all of %s match any rest of %s, the empty one too', (template, path, params) => {
    expect(match(template, path)).toEqual(params);
  });

  it.each([
    ['a/{b?}', '/a', {}],
    ['a/{b?}', '/a/1', { b: '1' }],
    ['a/{b=5}', '/a', { b: '5' }],
    ['a/{b=5}/{c?}', '/a', { b: '5' }],
    ['a/{b=5}/{c?}', '/a/1/2', { b: '1', c: '2' }],
    ['a/{b?}/c', '/a/c', undefined],
  ])('leaves optional parameters of %s out on %s', (template, path, params) => {
    expect(match(template, path)).toEqual(params);
  });

  it.each([
    ['int', '12', 'x'],
    ['int', '-3', '3000000000'],
    ['long', '3000000000', '9223372036854775808'],
    ['bool', 'True', '1'],
    ['guid', '0f8fad5b-d9cb-469f-a165-70867728950e', '0f8fad5b'],
    ['double', '1.5', 'one'],
    ['datetime', '2026-01-01', 'soon'],
    ['alpha', 'abc', 'a1'],
    ['length(3)', 'abc', 'ab'],
    ['length(2,3)', 'ab', 'abcd'],
    ['minlength(2)', 'ab', 'a'],
    ['maxlength(2)', 'ab', 'abc'],
    ['min(5)', '5', '4'],
    ['max(5)', '5', '6'],
    ['range(1,3)', '2', '4'],
    ['regex(^a(b|c)$)', 'ab', 'ad'],
    ['regex(^\\d{{2}}$)', '12', '123'],
    ['int:min(5)', '7', '3'],
  ])('filters by the constraint %s: %s passes as text, %s does not', (constraint, good, bad) => {
    expect(match(`x/{id:${constraint}}`, `/x/${good}`)).toEqual({ id: good });
    expect(match(`x/{id:${constraint}}`, `/x/${bad}`)).toBeUndefined();
  });

  it('does not apply a constraint to an absent optional parameter', () => {
    expect(match('x/{id:int?}', '/x')).toEqual({});
    expect(match('x/{id:int?}', '/x/y')).toBeUndefined();
  });

  it.each(['{id', '{}', '{id:nonsense}', '{id:length(3}', '{*rest}/x', 'a/{id}/{ID}', 'x{id?}', '{id!}'])(
    'refuses the template %s',
    (template) => {
      expect(() => parseRouteTemplate(template)).toThrow();
    },
  );
});
