/** Imported before LanceDB: its warning of a column that its own reranker leaves out would come with every raw hybrid query. */
process.env.LANCEDB_LOG ??= 'error';
