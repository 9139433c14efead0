/** The demo of `npm run sources`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(__dirname, '..', '..').replace(/[\\/]dist$/, '');

it('fills five sources with the same documents, and each of them answers the question with its document', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'dist/test/sources/main.js'), '--once'], {
    timeout: 100_000,
  });
  const answers = stdout.split(/^(?=\w+\n)/m).slice(1);
  expect(answers.map((text) => text.split('\n')[0])).toEqual([
    'azure_search',
    'elasticsearch',
    'pinecone',
    'mongo_db',
    'azure_cosmos_db',
  ]);
  for (const answer of answers) {
    const [, marker] = /answer {5}The warranty lasts two years .*\[doc(\d+)\]/.exec(answer) ?? [];
    expect(answer).toContain(`[doc${marker}] Warranty`);
  }
}, 120_000);
