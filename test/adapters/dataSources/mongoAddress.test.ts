import { parseMongoHost, parseMongoUri } from '../../../src/adapters/dataSources/mongoAddress';

const optionsOf = (uri: string) => Object.fromEntries(new URL(parseMongoUri(uri, 'endpoint').uri).searchParams);

it('takes user and password out of the address that the driver gets', () => {
  const address = parseMongoUri('mongodb+srv://r%40d:p%2Fw%3A@cluster0.example.net/admin?tls=true', 'endpoint');
  expect(address).toMatchObject({
    isSrv: true,
    seeds: [{ host: 'cluster0.example.net', port: 27_017 }],
    username: 'r@d',
    password: 'p/w:',
  });
  expect(address.uri).toMatch(/^mongodb\+srv:\/\/cluster0\.example\.net\/admin\?/);
});

it('lets connection strings lower limits, and not raise them', () => {
  const given = 'connectTimeoutMS=700&MAXPOOLSIZE=500&socketTimeoutMS=0&retryWrites=false';
  expect(optionsOf(`mongodb://h/?${given}`)).toEqual({
    connecttimeoutms: '700',
    maxidletimems: '120000',
    maxpoolsize: '10',
    serverselectiontimeoutms: '5000',
    sockettimeoutms: '20000',
    retryWrites: 'false',
  });
});

it.each([
  ['a', { host: 'a', port: 27_017 }],
  ['A.b-c_d:1', { host: 'a.b-c_d', port: 1 }],
  ['[::1]:65535', { host: '::1', port: 65_535 }],
  ['a:0', undefined],
  ['a:65536', undefined],
  ['a.sock', undefined],
  ['/run/a.sock', undefined],
  ['a.sock:1', undefined],
  ['%2Frun', undefined],
  ['u@h', undefined],
  ['a b', undefined],
  ['::1', undefined],
  ['', undefined],
])('reads the host %j', (text, host) => {
  expect(parseMongoHost(text)).toEqual(host);
});
