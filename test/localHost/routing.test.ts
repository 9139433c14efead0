import { HostProcess } from './hostProcess';

describe('routing of the local host', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await HostProcess.start('stream');
  });
  afterAll(() => host.stop());
  const get = async (path: string) => (await fetch(host.url + path)).json();

  it('lets the function whose name sorts first win, not the more specific route', async () => {
    expect(await get('/v1/items/literal')).toEqual({ name: 'catchall', params: { rest: 'items/literal' } });
    expect(await get('/v2/items/literal')).toMatchObject({ name: 'aLiteral' });
    expect(await get('/v2/items/other')).toMatchObject({ name: 'zRest' });
  });

  it('ignores letter case and a trailing slash, and lets a catch-all match nothing', async () => {
    expect(await get('/V2/ITEMS/Literal/')).toMatchObject({ name: 'aLiteral' });
    expect(await get('/v2')).toEqual({ name: 'zRest', params: {} });
  });

  it.each([
    ['POST', '/json'],
    ['HEAD', '/json'],
    ['OPTIONS', '/json'],
    ['GET', '/none'],
    ['GET', '/admin/x'],
    ['GET', '/runtime/webhooks/durabletask/instances/x'],
  ])('answers %s %s with an empty 404', async (method, path) => {
    const response = await fetch(host.url + path, { method });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('');
  });

  it('tells of an endpoint with a slash at its end, which older SDKs double and the real host does not route', async () => {
    const response = await fetch(`${host.url}//json`);
    expect([response.status, await response.text()]).toEqual([404, '']);
    await host.until(
      /WARNING \/\/json begins with two slashes: write the endpoint in your program without a slash at its end\./,
    );
  });

  it('tells of a base address without /v1, since the answer is an empty 404', async () => {
    const response = await fetch(`${host.url}/items/literal`);
    expect([response.status, await response.text()]).toEqual([404, '']);
    await host.until(/WARNING \/items\/literal is served below \/v1: let the base_url in your program end in \/v1\./);
  });

  it('refuses the later-named of two functions with one route and a common method', async () => {
    const [line] = await host.until(/The 'duplicateB' function is in error: .*/);
    expect(line).toContain("conflicts with the route defined by function 'duplicateA'");
    const response = await fetch(`${host.url}/same`, { method: 'POST' });
    expect(await response.json()).toMatchObject({ name: 'duplicateA' });
    expect((await fetch(`${host.url}/same`, { method: 'DELETE' })).status).toBe(200);
  });

  it('refuses routes that begin with admin', async () => {
    await host.until(/The 'reserved' function is in error: the route 'admin\/x' conflicts/);
  });

  it('shows a home page where no function has the root', async () => {
    const response = await fetch(host.url);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toContain('text/html');
  });

  it('refuses a Host header that is no host', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      request(`${host.url}/json`, { headers: { host: 'a b' } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(400);
  });
});
