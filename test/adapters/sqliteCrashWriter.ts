/**
 * A process that the crash test kills: writes without end from the number given on, eight at a time, and prints the number of each write after it was acknowledged.
 * Write n is n % 7 + 1 records of list `items`, a replacement of the record `last` of its writer, and a due record.
 */
import { sqliteRecords } from '../../src/adapters/sqlite';
import type { Change } from '../../src/storage/ports';

async function main(file: string, first: number): Promise<void> {
  const records = await sqliteRecords(file);
  let next = first;
  const writer = async (name: string) => {
    await records
      .write('crash', [{ op: 'create', list: 'last', id: name, order: name, value: -1 }])
      .catch((error: Error) => {
        if (error.name !== 'ConflictError') throw error;
      });
    for (;;) {
      const n = next++;
      const items = Array.from({ length: (n % 7) + 1 }, (_, index): Change => {
        return {
          op: 'create',
          list: 'items',
          id: `${n}-${index}`,
          order: String(n).padStart(9, '0'),
          value: { n, text: 'x'.repeat(n % 5000) },
        };
      });
      const due = { add: [{ at: n, kind: 'crash', id: String(n), data: {} }] };
      await records.write('crash', [...items, { op: 'replace', list: 'last', id: name, value: n }], due);
      process.stdout.write(`${n}\n`);
    }
  };
  await Promise.all(Array.from({ length: 8 }, async (_, n) => writer(`writer${n}`)));
}

const [file = '', first = '0'] = process.argv.slice(2);
void main(file, Number(first));
