/** The first segments of the names of blobs: containers in an account, folders below DATA_DIR/blobs. */

/** Those whose second segment is the tenant. */
export const TENANT_CONTAINERS: readonly string[] = ['files', 'responses', 'conversations'];
