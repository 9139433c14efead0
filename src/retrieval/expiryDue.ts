/** The due records by which the sweep finds stores and files that expire. */
import type { Scope } from '../scope';
import type { DueRecord } from '../storage/ports';
import type { FileObject } from '../wire/vectorStores';
import { expiryOf, type StoreRecord } from './storeRecords';

/** Kind of the due records of stores that expire. */
export const STORE_EXPIRY_DUE = 'vector_store_expiry';
/** Kind of the due records of files that expire. */
export const FILE_EXPIRY_DUE = 'file_expiry';

const dueAt = (kind: string, { tenant, project }: Scope, id: string, at: number | null): DueRecord[] =>
  at === null ? [] : [{ at, kind, id, data: { tenant, project } }];

/** What has the store looked at when it expires: one due record, or none where it never does. A use moves the expiry and not the record. */
export const storeExpiryDue = (scope: Scope, store: StoreRecord): DueRecord[] =>
  dueAt(STORE_EXPIRY_DUE, scope, store.id, expiryOf(store));

/** What has the file looked at when it expires: one due record, or none where it never does. */
export const fileExpiryDue = (scope: Scope, file: FileObject): DueRecord[] =>
  dueAt(FILE_EXPIRY_DUE, scope, file.id, file.expires_at);
