import { request as httpRequest } from 'node:http';
import { once } from 'node:events';
import { HostProcess } from './hostProcess';

describe('HTTP functions without streaming', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await HostProcess.start('buffered', {
      env: {
        OPENAI_API_KEY: 'sk-very-secret-value',
        'AzureWebJobs.off.Disabled': 'true',
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1000',
      },
    });
  });
  afterAll(() => host.stop());

  it('passes the request as a value and answers with status, headers, cookies and body', async () => {
    const response = await fetch(`${host.url}/api/echo/7?x=1&x=2`, {
      method: 'POST',
      headers: { 'x-test': 'h' },
      body: 'text',
    });
    expect(response.status).toBe(201);
    expect(response.headers.get('x-out')).toBe('yes');
    expect(response.headers.getSetCookie()).toEqual(['a=1%202; samesite=none; httponly', 'b=2; max-age=5']);
    expect(await response.json()).toEqual({
      url: `${host.url}/api/echo/7?x=1&x=2`,
      params: { id: '7' },
      x: '1,2',
      header: 'h',
      body: 'text',
    });
  });

  it('shows what the handler logs from information upwards, as the log hooks leave it', async () => {
    await (await fetch(`${host.url}/api/echo/8`)).text();
    await host.until(/\[echo\] from the handler: hidden/);
    expect(host.output).not.toContain('too fine');
  });

  it('hands a chunked body over as an empty one', async () => {
    const request = httpRequest(`${host.url}/api/echo/1`, {
      method: 'POST',
      headers: { 'transfer-encoding': 'chunked' },
    });
    request.end('lost');
    const [response] = await once(request, 'response');
    let text = '';
    for await (const chunk of response) text += chunk;
    expect(JSON.parse(text).body).toBe('');
    await host.until(/chunked request body reaches a function as an empty body/);
  });

  it.each([
    ['/api/nothing', 204],
    ['/api/throws', 500],
    ['/api/echo/word', 404],
    ['/api/off', 404],
    ['/echo/1', 404],
  ])('answers %s with an empty %i', async (path, status) => {
    const response = await fetch(host.url + path);
    expect(response.status).toBe(status);
    expect(await response.text()).toBe('');
  });

  it('answers a body over the limit with an empty 500', async () => {
    const response = await fetch(`${host.url}/api/echo/1`, { method: 'POST', body: 'x'.repeat(1001) });
    expect(response.status).toBe(500);
    expect(await response.text()).toBe('');
  });

  it('lets hooks replace the handler and clear an error', async () => {
    expect(await (await fetch(`${host.url}/api/replaced`)).text()).toBe('by the hook');
    expect((await fetch(`${host.url}/api/rescued`)).status).toBe(418);
  });

  it('masks secrets in what it prints', async () => {
    await (await fetch(`${host.url}/api/secret`)).text();
    await host.until(/\[secret\] key is \[masked\]/);
    expect(host.output).not.toContain('sk-very-secret-value');
  });
});
