import { resolveSettings } from '../../src/localHost/appSettings';
import { parseBlobPath } from '../../src/localHost/blobPath';
import { fromHttpData, toHttpData } from '../../src/localHost/httpTypedData';
import { secretMask } from '../../src/localHost/maskSecrets';

describe('toHttpData', () => {
  it('joins repeated headers and query keys by commas and leaves an empty body out', () => {
    const headers = { a: '1', 'set-cookie': ['x', 'y'] };
    expect(toHttpData('GET', 'http://h/p?k=1&k=2&l=', headers, { id: '7' }, Buffer.alloc(0))).toEqual({
      url: 'http://h/p?k=1&k=2&l=',
      method: 'GET',
      nullableHeaders: { a: { value: '1' }, 'set-cookie': { value: 'x,y' } },
      nullableParams: { id: { value: '7' } },
      nullableQuery: { k: { value: '1,2' }, l: { value: '' } },
      body: undefined,
    });
  });
});

describe('fromHttpData', () => {
  it('reads status, headers, body, and leaves the length to the host', () => {
    const headers = { 'content-type': 'text/plain', 'content-length': '99' };
    expect(fromHttpData({ statusCode: '201', headers, cookies: [], body: { bytes: Buffer.from('ok') } })).toEqual({
      status: 201,
      headers: ['content-type', 'text/plain'],
      body: Buffer.from('ok'),
    });
  });

  it('writes a cookie with every attribute', () => {
    const cookie = {
      name: 'c',
      value: 'a;b',
      expires: { value: { seconds: 0 } },
      maxAge: { value: 5 },
      domain: { value: 'd' },
      path: { value: '/p' },
      secure: { value: true },
      httpOnly: { value: true },
      sameSite: 'strict',
    };
    const text =
      'c=a%3Bb; expires=Thu, 01 Jan 1970 00:00:00 GMT; max-age=5; domain=d; path=/p; secure; samesite=strict; httponly';
    expect(fromHttpData({ cookies: [cookie] }).headers).toEqual(['set-cookie', text]);
  });

  it('answers 200 without a body by default', () => {
    expect(fromHttpData({})).toEqual({ status: 200, headers: [], body: Buffer.alloc(0) });
  });
});

describe('parseBlobPath', () => {
  it.each([
    ['uploads/{store}/{name}', 'a/b/c.txt', { store: 'a/b', name: 'c.txt' }],
    ['uploads/{name}.{ext}', 'x.tar.gz', { name: 'x.tar', ext: 'gz' }],
    ['uploads/{name}.pdf', 'x.pdfx', undefined],
    ['uploads/in+{name}', 'in+1', { name: '1' }],
    ['uploads/{{{name}}}', '{x}', { name: 'x' }],
    ['uploads', 'any/thing', {}],
    ['uploads/', 'any/thing', {}],
  ])('matches %s on %s as %j', (path, name, params) => {
    const parsed = parseBlobPath(path);
    expect(parsed.container).toBe('uploads');
    expect(parsed.match(name)).toEqual(params);
  });

  it.each(['{container}/x', 'Upper/x', 'uploads/{a', 'uploads/a}', 'uploads/{a}/{a}', 'uploads/{1a}', ''])(
    'refuses the path %j',
    (path) => {
      expect(() => parseBlobPath(path)).toThrow();
    },
  );
});

describe('resolveSettings', () => {
  it('replaces names between percent signs and refuses unknown ones', () => {
    expect(resolveSettings('%A%/{x}-%B%', { A: 'one', B: 'two' })).toBe('one/{x}-two');
    expect(() => resolveSettings('%NOPE%', {})).toThrow(/NOPE/);
  });
});

describe('secretMask', () => {
  it('masks the values of settings that are secrets, and what looks like a credential', () => {
    const mask = secretMask({
      API_KEYS: 'team:key-number-one, b:key-number-two',
      OPENAI_API_KEY: 'sk-abcdefgh',
      PATH: '/usr/local/bin',
    });
    expect(mask('key-number-one key-number-two sk-abcdefgh /usr/local/bin team')).toBe(
      '[masked] [masked] [masked] /usr/local/bin team',
    );
    expect(mask('http://h/x?a=1&code=abc&b=2')).toBe('http://h/x?a=1&code=[masked]&b=2');
    expect(mask('AccountName=n;AccountKey=abc==;End')).toBe('AccountName=n;AccountKey=[masked];End');
    expect(mask('Authorization: Bearer abcdefghij.kl')).toBe('Authorization: Bearer [masked]');
  });
});
