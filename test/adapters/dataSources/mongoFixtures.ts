/** Deployments, parameters and expectations that the tests of both MongoDB sources share. */
import { inspect } from 'node:util';
import {
  createMongoClients,
  type MongoClients,
  type MongoClientsOptions,
} from '../../../src/adapters/dataSources/mongoClients';
import {
  createOutgoingGuard,
  type OutgoingGuard,
  type OutgoingGuardOptions,
} from '../../../src/adapters/outgoingGuard';
import { readAllowedHosts } from '../../../src/allowedHosts';
import { SourceError } from '../../../src/dataSources/ports';
import type { MongoCollection, MongoDialect } from '../../sources/mongoSearch';
import { startMongoServer, type MongoServer, type MongoServerOptions } from '../../sources/mongoServer';

export const PASSWORD = 'p@ss:w0rd/%&?-never-shown';
export const CONTENT = ['content', 'body.text'];

/** Vectors of three dimensions: how much a text is about the sea, mountains and cities. */
export const corpus = (): MongoCollection => ({
  documents: [
    page(1, 'Tides', 'The moon moves the sea.', [0.9, 0.1, 0.1], [0, 0, 1]),
    page(2, 'Peaks', 'Snow lies on high mountains.', [0.1, 0.95, 0.05], [0, 1, 0]),
    page(3, 'Fjords', 'The sea reaches between mountains.', [0.7, 0.7, 0], [1, 0, 0]),
    page(4, 'Trams', 'Cities run trams.', [0.05, 0.1, 0.99], [0, 0.5, 0.5]),
    page(5, 'Harbours', 'Cities by the sea have harbours.', [0.7, 0, 0.7], [0.2, 0.2, 0.9]),
    { _id: 6, title: 'Not embedded', content: 'It has no vector.' },
  ],
  indexes: [
    { name: 'vectors', path: 'vector', dimensions: 3 },
    { name: 'titles', path: 'deep.titleVector', dimensions: 3 },
    { name: 'unready', path: 'vector', dimensions: 3, queryable: false },
  ],
});

const page = (id: number, title: string, content: string, vector: number[], titleVector: number[]) => ({
  _id: id,
  title,
  content,
  body: { text: `More of ${title}.` },
  link: `https://example.com/${id}`,
  file: `${title}.md`,
  tags: [title, { deep: true }, 7],
  vector,
  deep: { titleVector },
});

/** `sea`, `mountains` and `cities` as query vectors. */
export const about = {
  sea: new Float32Array([1, 0.1, 0]),
  mountains: new Float32Array([0, 1, 0]),
  cities: new Float32Array([0, 0, 1]),
};

interface Bench {
  clients: MongoClients;
  guard: OutgoingGuard;
  server: MongoServer;
  close(): Promise<void>;
}

/** A deployment, and clients that may reach `allowed`. */
export async function mongoBench(
  dialect: MongoDialect,
  options: Partial<MongoServerOptions> & {
    /** Of the server's own port; default this machine. */
    allowed?: (port: number) => string;
    clients?: Partial<MongoClientsOptions>;
    resolve?: OutgoingGuardOptions['resolve'];
  } = {},
): Promise<Bench> {
  const server = await startMongoServer({
    dialect,
    users: [
      { name: 'reader', password: PASSWORD },
      { name: 'stranger', password: PASSWORD, mayRead: false },
    ],
    collections: { 'library.pages': corpus() },
    ...options,
  });
  const guard = createOutgoingGuard({
    allowedHosts: readAllowedHosts(options.allowed?.(server.port) ?? '127.0.0.1'),
    resolve: options.resolve,
  });
  const clients = createMongoClients({
    guard,
    logFault: (message, error) => {
      throw new Error(message, { cause: error });
    },
    serverSelectionTimeoutMs: 1_500,
    ...options.clients,
  });
  return {
    clients,
    guard,
    server,
    async close() {
      await Promise.all([clients.close(), guard.close()]);
      await server.close();
    },
  };
}

/** The error that a search ends with; nothing in it or below it tells the password. */
export async function sourceError(search: Promise<unknown>): Promise<SourceError> {
  const error: unknown = await search.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof SourceError)) throw new Error('The search ended otherwise.', { cause: error });
  const all = inspect(error, { depth: Infinity, showHidden: true, maxStringLength: null, maxArrayLength: null });
  for (const secret of [PASSWORD, encodeURIComponent(PASSWORD), 'never-shown']) expect(all).not.toContain(secret);
  return error;
}

/** What a mapping may name of the corpus beside its content, and the indexes that may find it. */
export const mappedFields = {
  content_fields_separator: [undefined, ' | '],
  title_field: [undefined, 'title'],
  url_field: [undefined, 'link'],
  filepath_field: [undefined, 'file'],
  index: [
    { index_name: 'vectors', vector_fields: ['vector'] },
    { index_name: 'titles', vector_fields: ['deep.titleVector'] },
  ],
};

type MappedFields = { [Name in keyof typeof mappedFields]: (typeof mappedFields)[Name][number] };

/** The page on peaks as the mapping gives it. */
export const peaks = (content: string[], fields: Omit<MappedFields, 'index'>) => ({
  content: content.join(fields.content_fields_separator ?? '\n'),
  title: fields.title_field && 'Peaks',
  url: fields.url_field && 'https://example.com/2',
  filepath: fields.filepath_field && 'Peaks.md',
  score: expect.any(Number),
});

/** Every combination of the members' values. */
export function combinations<Values extends Record<string, readonly unknown[]>>(
  values: Values,
): { [Name in keyof Values]: Values[Name][number] }[] {
  const all = Object.entries(values).reduce<Record<string, unknown>[]>(
    (made, [name, each]) => made.flatMap((one) => each.map((value) => ({ ...one, [name]: value }))),
    [{}],
  );
  return all as { [Name in keyof Values]: Values[Name][number] }[];
}
