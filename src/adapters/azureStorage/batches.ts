/** Entity group transactions: rows of one partition written together, on conditions, with an answer that can be trusted after repeats. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { RestError, type TableClient, type TableEntity, type TransactionAction } from '@azure/data-tables';

/** Operations of one transaction. */
export const MAX_OPERATIONS = 100;
/** Times that a batch is sent whose answer holds a fault of the service inside, which the library does not repeat. */
const MAX_TRIES = 5;

/** One operation. All but `create` and `put` fail where the row is absent, or has another etag than the one given. */
export type Operation =
  | { do: 'create' | 'put'; row: TableEntity }
  | { do: 'replace' | 'merge'; row: TableEntity; etag: string }
  | { do: 'delete'; row: TableEntity; etag?: string };

/** The condition of an operation did not hold, and nothing was written, unless an earlier sending of the same batch had been. */
export class BatchRefusedError extends Error {
  /**
   * @param index The operation.
   * @param isGone Whether its row was absent.
   * @param wasRepeated Whether an earlier sending may have been carried out, its answer lost.
   */
  constructor(
    readonly index: number,
    readonly isGone: boolean,
    readonly wasRepeated: boolean,
  ) {
    super(`Operation ${index} of the batch was refused.`);
    this.name = 'BatchRefusedError';
  }
}

/** What an error of the service says, or undefined for other errors. */
export const restError = (error: unknown): RestError | undefined => (error instanceof RestError ? error : undefined);

/** Sends batches by the client, which it prepares for that. */
export function batchSender(client: TableClient): (operations: Operation[]) => Promise<string[]> {
  /** Etags of the deletes of the batch that is being sent, by row key: the library cannot give them. */
  const deletes = new AsyncLocalStorage<Map<string, string>>();
  const sendings = new WeakMap<object, number>();
  client.pipeline.addPolicy(
    {
      name: 'deleteConditions',
      async sendRequest(request, next) {
        const etags = deletes.getStore();
        if (etags?.size && typeof request.body === 'string') request.body = withDeleteEtags(request.body, etags);
        return next(request);
      },
    },
    // Before the length of the body is taken.
    { phase: 'Serialize' },
  );
  client.pipeline.addPolicy(
    {
      name: 'countSendings',
      async sendRequest(request, next) {
        sendings.set(request, (sendings.get(request) ?? 0) + 1);
        return next(request);
      },
    },
    { afterPhase: 'Retry' },
  );

  return async (operations) => {
    const etags = new Map(
      operations.flatMap((each) => (each.do === 'delete' && each.etag ? [[each.row.rowKey, each.etag]] : [])),
    );
    for (let tries = 1; ; tries += 1) {
      try {
        const { subResponses } = await deletes.run(etags, async () =>
          client.submitTransaction(operations.map(toAction)),
        );
        return subResponses.map(({ etag }) => etag ?? '');
      } catch (error) {
        const { statusCode = 0, message, request } = restError(error) ?? {};
        if (statusCode >= 500 && tries < MAX_TRIES) {
          await sleep(100 * 2 ** tries * (0.5 + Math.random()));
          continue;
        }
        const index = /^(\d+):/.exec(message ?? '')?.[1];
        if (index === undefined || ![404, 409, 412].includes(statusCode)) throw error;
        const sent = request ? (sendings.get(request) ?? 1) : 1;
        throw new BatchRefusedError(Number(index), statusCode === 404, tries > 1 || sent > 1);
      }
    }
  };
}

function toAction(operation: Operation): TransactionAction {
  switch (operation.do) {
    case 'create':
    case 'delete':
      return [operation.do, operation.row];
    case 'put':
      return ['upsert', operation.row, 'Replace'];
    case 'replace':
      return ['update', operation.row, 'Replace', { etag: operation.etag }];
    case 'merge':
      return ['update', operation.row, 'Merge', { etag: operation.etag }];
  }
}

/** The body with the etags in the place of the `*` that the library gives every delete. */
function withDeleteEtags(body: string, etags: Map<string, string>): string {
  return body.replace(
    /^(DELETE \S+,RowKey='(.*)'\) (?:.+\r\n)+?if-match: )\*/gim,
    (whole, before: string, row: string) => {
      const etag = etags.get(decodeURIComponent(row).replaceAll("''", "'"));
      return etag === undefined ? whole : before + etag;
    },
  );
}
