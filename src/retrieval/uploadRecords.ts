/**
 * How uploads in parts are stored. The upload's record lies beside those of files, so that one write completes it and makes its file; its parts have a partition
 * of their own. The contents of parts are blobs below the place that a file of the upload's id would have.
 */
import type { Scope } from '../scope';
import { partitionOf } from '../storage/keys';
import type { DueRecord, RecordKey } from '../storage/ports';
import type { CreateUploadRequest, UploadObject, UploadPartObject } from '../wire/uploads';
import { fileBlob, fileKey } from './files';

const PARTS = 'parts';

/** Seconds that an upload takes parts and can be completed, as the services have it. */
export const UPLOAD_SECONDS = 3_600;
/** Seconds behind the end of an upload after which nothing that began before is at work any more: parts end with it, completions half an hour later at the latest. */
export const LATE_SECONDS = 3_600;
/** Seconds behind its expiry that an upload still says what became of it. */
export const KEPT_SECONDS = 86_400;

/** Kind of the due records that have the parts of an upload freed, and the upload forgotten. */
export const UPLOAD_DUE = 'upload';
/** Kind of the due records that have the content of a file deleted which did not become one. */
export const UNMADE_FILE_DUE = 'unmade_file';

export interface UploadRecord extends Omit<UploadObject, 'status' | 'file'> {
  /** One that is pending and past its expiry has expired. */
  status: Exclude<UploadObject['status'], 'expired'>;
  purpose: CreateUploadRequest['purpose'];
  mime_type: string;
  /** Of the file. */
  expires_after?: CreateUploadRequest['expires_after'];
  /** Of one that is completed. */
  file_id: string | null;
}

export interface UploadPartRecord extends UploadPartObject {
  bytes: number;
  /** Name of the blob with the content. */
  blob: string;
}

/** Where the record of an upload lies: in the partition of its file. */
export const uploadKey = (scope: Scope, id: string): RecordKey => ({ ...fileKey(scope, id), list: 'uploads' });

/** The list of an upload's parts. */
export const partList = (scope: Scope, uploadId: string) => ({
  partition: partitionOf(scope, 'uploads', uploadId),
  list: PARTS,
});

/** What the names of the blobs of all parts of the upload begin with. */
export const partBlobs = (scope: Scope, uploadId: string): string => fileBlob(scope, uploadId);

/** Name of the blob with the content of a part. */
export const partBlob = (scope: Scope, uploadId: string, id: string): string =>
  `${partBlobs(scope, uploadId)}/${encodeURIComponent(id)}`;

/** Status of the upload at that moment, in Unix seconds. */
export const statusOf = ({ status, expires_at }: UploadRecord, seconds: number): UploadObject['status'] =>
  status === 'pending' && expires_at <= seconds ? 'expired' : status;

const due = (kind: string, { tenant, project }: Scope, id: string, at: number): DueRecord => ({
  at,
  kind,
  id,
  data: { tenant, project },
});

/** Has the upload looked at. `at`: Unix seconds. */
export const uploadDue = (scope: Scope, id: string, at: number): DueRecord => due(UPLOAD_DUE, scope, id, at);

/** Has it looked at whether there is a file of that id. `at`: Unix seconds. */
export const unmadeFileDue = (scope: Scope, id: string, at: number): DueRecord => due(UNMADE_FILE_DUE, scope, id, at);
