import { once } from 'node:events';
import { createServer } from 'node:net';
import { z } from 'zod';
import { blobService } from '../src/blobService';

it('does not wait without end for a storage account that accepts a connection and never answers', async () => {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = z.object({ port: z.number() }).parse(server.address());
  const url = `http://127.0.0.1:${port}/account`;
  try {
    const credential = { kind: 'key', key: 'a2V5' } as const;
    const service = blobService({ name: 'account', blobUrl: url, tableUrl: url, credential }, undefined, 100);
    const blob = service.getContainerClient('files').getBlockBlobClient('a');
    await expect(blob.getProperties()).rejects.toThrow();
    await expect(blob.upload('content', 7)).rejects.toThrow();
  } finally {
    server.close();
  }
}, 20_000);
