/** The rules that every adapter of the blob port keeps. Imported by the adapters' own tests. */
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Blobs } from '../../src/storage/ports';
import { collectGarbage } from '../support/collectGarbage';

/** Chunks between two looks at the memory. */
const LOOKED_AT = 800;

/** Runs the suite. `open` makes a new, empty store. */
export function describeBlobs(name: string, open: () => Promise<Blobs>): void {
  describe(`${name} keeps the rules of the blob port`, () => {
    let blobs: Blobs;
    let blob: string;
    beforeAll(async () => {
      blobs = await open();
    });
    beforeEach(() => {
      blob = `files/${randomUUID()}`;
    });

    const put = async (at: string, text: string) => blobs.put(at, Readable.from([Buffer.from(text)]));
    const read = async (at: string, start?: number) => {
      const opened = await blobs.open(at, start);
      return opened && Buffer.concat(await opened.content.toArray()).toString();
    };

    it('gives back what was put, and its size in bytes', async () => {
      expect(await put(blob, 'Grüße 👋')).toEqual({ size: 12 });
      expect(await read(blob)).toBe('Grüße 👋');
      expect(await blobs.info(blob)).toEqual({ size: 12 });
      expect((await blobs.open(blob).then(async (opened) => opened && (await drained(opened))))?.info).toMatchObject({
        size: 12,
      });
    });

    it('deletes every blob below whole segments of a name, and tells how many those were', async () => {
      const below = ['a', 'b/c', 'b/d', ' %odd: name. ', '..', 'x'.repeat(300)].map((rest) => `${blob}/t/${rest}`);
      const beside = [`${blob}/t2/a`, `${blob}/s`];
      for (const name of [...below, ...beside]) await put(name, 'kept');
      expect(await blobs.deleteBelow(`${blob}/t`)).toBe(below.length);
      for (const name of below) expect(await blobs.info(name)).toBeUndefined();
      for (const name of beside) expect(await read(name)).toBe('kept');
      expect(await blobs.deleteBelow(`${blob}/t`)).toBe(0);
      expect(await blobs.deleteBelow(`${blob}/never`)).toBe(0);
      await put(`${blob}/t/a`, 'again');
      expect(await read(`${blob}/t/a`)).toBe('again');
    });

    it('answers undefined for what is not there', async () => {
      await put(blob, 'a');
      for (const absent of [`${blob}x`, `${blob}/x`, 'files', 'never/was']) {
        expect(await blobs.open(absent)).toBeUndefined();
        expect(await blobs.info(absent)).toBeUndefined();
      }
    });

    it('reads from any byte on, with the size of the whole', async () => {
      await put(blob, '0123456789');
      expect(await read(blob, 0)).toBe('0123456789');
      expect(await read(blob, 4)).toBe('456789');
      expect(await read(blob, 9)).toBe('9');
      const opened = await blobs.open(blob, 4);
      expect(opened && (await drained(opened)).info).toMatchObject({ size: 10 });
    });

    it('keeps an empty blob', async () => {
      expect(await blobs.put(blob, Readable.from([]))).toEqual({ size: 0 });
      expect(await blobs.info(blob)).toEqual({ size: 0 });
      expect(await read(blob)).toBe('');
    });

    it('replaces the whole of a blob', async () => {
      await put(blob, 'a long first content');
      await put(blob, 'short');
      expect(await read(blob)).toBe('short');
      expect(await blobs.info(blob)).toEqual({ size: 5 });
    });

    it('deletes a blob, and what is absent without complaint', async () => {
      await put(blob, 'a');
      await put(`${blob}2`, 'b');
      await blobs.delete(blob);
      await blobs.delete(blob);
      await blobs.delete('files');
      expect(await read(blob)).toBeUndefined();
      expect(await read(`${blob}2`)).toBe('b');
    });

    it('publishes nothing of a stream that fails, and keeps what was there', async () => {
      const failing = async function* () {
        yield Buffer.alloc(200_000, 'x');
        await Promise.resolve();
        throw new Error('The client has gone.');
      };
      await expect(blobs.put(blob, Readable.from(failing()))).rejects.toThrow('The client has gone.');
      expect(await blobs.info(blob)).toBeUndefined();
      await put(blob, 'old');
      await expect(blobs.put(blob, Readable.from(failing()))).rejects.toThrow('The client has gone.');
      expect(await read(blob)).toBe('old');
    });

    it('rejects with the error of a stream that has failed before or fails at once', async () => {
      const failed = new Readable({ read: () => undefined });
      failed.on('error', () => undefined).destroy(new Error('failed before'));
      await new Promise((resolve) => failed.once('close', resolve));
      await expect(blobs.put(blob, failed)).rejects.toThrow('failed before');
      const failing = new Readable({ read: () => undefined });
      const stored = blobs.put(blob, failing);
      failing.destroy(new Error('fails at once'));
      await expect(stored).rejects.toThrow('fails at once');
      expect(await blobs.info(blob)).toBeUndefined();
    });

    it('publishes nothing of a stream that ends early without an error', async () => {
      const cut = new Readable({ read: () => undefined });
      cut.push('half of');
      const stored = blobs.put(blob, cut);
      setImmediate(() => cut.destroy());
      await expect(stored).rejects.toThrow();
      expect(await blobs.info(blob)).toBeUndefined();
    });

    it('takes content of exactly maxBytes and refuses more, without reading it to its end', async () => {
      expect(await blobs.put(blob, Readable.from([Buffer.from('12'), Buffer.from('345')]), { maxBytes: 5 })).toEqual({
        size: 5,
      });
      let chunks = 0;
      const endless = async function* () {
        for (;;) {
          chunks++;
          yield await Promise.resolve(Buffer.alloc(65_536));
        }
      };
      const content = Readable.from(endless());
      await expect(blobs.put(blob, content, { maxBytes: 1_000_000 })).rejects.toMatchObject({
        name: 'BlobTooLargeError',
        maxBytes: 1_000_000,
      });
      expect(content.destroyed).toBe(true);
      expect(chunks).toBeLessThan(200);
      expect(await read(blob)).toBe('12345');
    });

    it('publishes nothing of a put that is aborted, and stops reading', async () => {
      for (const when of ['before', 'during'] as const) {
        const abort = new AbortController();
        const reason = new Error('No longer wanted.');
        if (when === 'before') abort.abort(reason);
        // It is asked for more once what it has was read.
        const slow = new Readable({ read: () => setImmediate(() => abort.abort(reason)) });
        slow.push(Buffer.alloc(100_000));
        const stored = blobs.put(blob, slow, { signal: abort.signal });
        await expect(stored).rejects.toBe(reason);
        expect(slow.destroyed).toBe(true);
        expect(await blobs.info(blob)).toBeUndefined();
      }
    });

    it('shows one of several contents whole when they are put at once under one name', async () => {
      const contents = Array.from({ length: 8 }, (_, n) => String(n).repeat(300_000 + n));
      const seen: (string | undefined)[] = [];
      const reader = async () => {
        for (let n = 0; n < 20; n++) seen.push(await read(blob));
      };
      await Promise.all([...contents.map(async (content) => put(blob, content)), reader()]);
      seen.push(await read(blob));
      for (const content of seen) expect(content === undefined || contents.includes(content)).toBe(true);
      expect(seen.at(-1)).toBeDefined();
    });

    it('goes on reading what it opened while the blob is replaced', async () => {
      const old = 'old'.repeat(500_000);
      await put(blob, old);
      const opened = await blobs.open(blob);
      await put(blob, 'new');
      expect(opened && Buffer.concat(await opened.content.toArray()).toString()).toBe(old);
    });

    it('keeps names apart, whatever is in them, and finds each again', async () => {
      const segments = [
        'plain.txt', 'Report (final) v2.pdf', 'Grüße 日本語 👋.md', '100%', '%2e%2e', '%2F', '%', '%25', '.', '..', '...', '.hidden', 'con', 'a:b',
        'a\\b', '..\\x', 'a?b*c', '"<>|', 'tab\tline\n', '', ' ', 'ends.', 'ends', 'nul\0', 'nul', '~', '#', `%${'0'.repeat(64)}`,
        'x'.repeat(255), 'x'.repeat(256), `${'x'.repeat(255)}y`, 'é'.repeat(200), `${'é'.repeat(200)}e`, '👋'.repeat(120),
      ]; // prettier-ignore
      const names = segments.flatMap((segment) => [`${blob}/1/${segment}`, `${blob}/2/${segment}/x`]);
      for (const at of names) await put(at, at);
      for (const at of names) expect(await read(at)).toBe(at);
      for (const at of names) {
        await blobs.delete(at);
        expect(await blobs.info(at)).toBeUndefined();
      }
    });

    it('streams 200 MB through constant memory', async () => {
      const mebibytes = 200;
      const [sent, received] = [createHash('sha256'), createHash('sha256')];
      const held = (): number => {
        collectGarbage();
        return process.memoryUsage().arrayBuffers / 2 ** 20;
      };
      const atStart = held();
      let [chunks, peak] = [0, 0];
      const look = (): void => {
        if (chunks++ % LOOKED_AT === 0) peak = Math.max(peak, held() - atStart);
      };
      const content = async function* () {
        for (let n = 0; n < mebibytes * 16; n++) {
          const chunk = Buffer.alloc(65_536, n);
          sent.update(chunk);
          look();
          yield await Promise.resolve(chunk);
        }
      };
      expect(await blobs.put(blob, Readable.from(content(), { objectMode: false }))).toEqual({
        size: mebibytes * 2 ** 20,
      });
      const opened = await blobs.open(blob);
      if (!opened) throw new Error('The blob is gone.');
      await pipeline(opened.content, async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) {
          received.update(piece);
          look();
        }
      });
      expect(received.digest('hex')).toBe(sent.digest('hex'));
      expect(peak).toBeLessThan(mebibytes / 2);
      await blobs.delete(blob);
    }, 120_000);
  });
}

async function drained(opened: NonNullable<Awaited<ReturnType<Blobs['open']>>>) {
  await opened.content.toArray();
  return opened;
}
