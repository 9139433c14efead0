import { HostProcess } from './hostProcess';

describe('durable functions on the local host', () => {
  let host: HostProcess;
  beforeAll(async () => {
    host = await HostProcess.start('orchestration');
  });
  afterAll(() => host.stop());

  it('runs an orchestration that an HTTP function starts through its durable client, over several entry files', async () => {
    const response = await fetch(`${host.url}/start`, { method: 'POST', body: JSON.stringify(['Ada', 'Bob']) });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual(['hello Ada', 'hello Bob']);
  });
});
