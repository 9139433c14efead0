/** Tables and statements of the durable history. Shared by the worker thread that runs them and by those who name them. */

/** `runtimeStatus` of an instance as it is stored. */
export const Status = {
  Running: 0,
  Completed: 1,
  ContinuedAsNew: 2,
  Failed: 3,
  Canceled: 4,
  Terminated: 5,
  Pending: 6,
  Suspended: 7,
} as const;

/** Name of a status, as clients see it. */
export type StatusName = keyof typeof Status;

const finished = '1,3,4,5';

export const schema = `
CREATE TABLE IF NOT EXISTS settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS instances(
  id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, name TEXT NOT NULL, version TEXT, status INTEGER NOT NULL,
  input TEXT, output TEXT, custom_status TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL,
  parent TEXT,  -- ParentInstance as JSON
  carried TEXT  -- JSON array of events: a generation that continued as new has not run yet and begins with them
);
CREATE INDEX IF NOT EXISTS instances_carried ON instances(id) WHERE carried IS NOT NULL;
-- One row per episode: a JSON array of its events. Deleted when the instance continues as new.
CREATE TABLE IF NOT EXISTS history(
  instance_id TEXT NOT NULL, episode INTEGER NOT NULL, events TEXT NOT NULL, PRIMARY KEY(instance_id, episode)
) WITHOUT ROWID;
-- Messages that no episode has taken yet, in order of arrival.
CREATE TABLE IF NOT EXISTS inbox(sequence INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, message TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS inbox_instance ON inbox(instance_id, sequence);
-- Activities that were scheduled and whose result no episode has taken yet.
CREATE TABLE IF NOT EXISTS activities(
  sequence INTEGER PRIMARY KEY, instance_id TEXT NOT NULL, execution_id TEXT NOT NULL, task_id INTEGER NOT NULL,
  name TEXT NOT NULL, input TEXT
);
CREATE INDEX IF NOT EXISTS activities_instance ON activities(instance_id);
CREATE TABLE IF NOT EXISTS timers(
  instance_id TEXT NOT NULL, execution_id TEXT NOT NULL, task_id INTEGER NOT NULL, fire_at INTEGER NOT NULL,
  PRIMARY KEY(instance_id, execution_id, task_id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timers_due ON timers(fire_at);
`;

const instanceColumns =
  'id, execution_id, name, version, status, input, output, custom_status, created, updated, parent, carried';

/** Filter of instances: each pair of parameters is (value or null, value). Statuses are a JSON array or null. */
const filter = `(?1 IS NULL OR created >= ?1) AND (?2 IS NULL OR created <= ?2)
  AND (?3 IS NULL OR status IN (SELECT value FROM json_each(?3)))
  AND (?4 IS NULL OR substr(id, 1, length(?4)) = ?4) AND id > ?5 ORDER BY id LIMIT ?6`;

export const statements = {
  setting: 'SELECT value FROM settings WHERE name = ?',
  setSetting: 'INSERT INTO settings(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value',

  instance: `SELECT ${instanceColumns} FROM instances WHERE id = ?`,
  instanceSummary: 'SELECT status, name FROM instances WHERE id = ?',
  instances: `SELECT ${instanceColumns} FROM instances WHERE ${filter}`,
  instanceIds: `SELECT id FROM instances WHERE ${filter}`,
  carrying: 'SELECT id FROM instances WHERE carried IS NOT NULL AND id > ? ORDER BY id LIMIT ?',
  /** Changes nothing while an unfinished instance has the id. */
  createInstance: `INSERT INTO instances(id, execution_id, name, version, status, input, created, updated, parent)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8) ON CONFLICT(id) DO UPDATE SET
    execution_id = ?2, name = ?3, version = ?4, status = ?5, input = ?6, output = NULL, custom_status = NULL,
    created = ?7, updated = ?7, parent = ?8, carried = NULL WHERE status IN (${finished})`,
  progressInstance: `UPDATE instances SET status = ?2, output = ?3, custom_status = ?4, updated = ?5, carried = NULL
    WHERE id = ?1`,
  restartInstance: `UPDATE instances SET execution_id = ?2, input = ?3, custom_status = ?4, updated = ?5, carried = ?6,
    status = 0 WHERE id = ?1`,
  /** Changes nothing when a later instance has taken the id. */
  deleteInstance: 'DELETE FROM instances WHERE id = ? AND execution_id = ?',

  history: 'SELECT episode, events FROM history WHERE instance_id = ? ORDER BY episode',
  addHistory: 'INSERT INTO history(instance_id, episode, events) VALUES (?, ?, ?)',
  deleteHistory: 'DELETE FROM history WHERE instance_id = ?',

  inbox: 'SELECT sequence, instance_id, message FROM inbox WHERE sequence > ? ORDER BY sequence LIMIT ?',
  inboxOf:
    'SELECT sequence, instance_id, message FROM inbox WHERE instance_id = ? AND sequence > ? AND sequence <= ? ORDER BY sequence LIMIT ?',
  lastInbox: 'SELECT coalesce(max(sequence), 0) AS last FROM inbox',
  addMessage: 'INSERT INTO inbox(sequence, instance_id, message) VALUES (?, ?, ?)',
  /** Changes nothing unless the instance is there and unfinished. */
  addMessageIfActive: `INSERT INTO inbox(sequence, instance_id, message)
    SELECT ?1, id, ?3 FROM instances WHERE id = ?2 AND status NOT IN (${finished})`,
  deleteMessage: 'DELETE FROM inbox WHERE sequence = ?',
  deleteInboxOf: 'DELETE FROM inbox WHERE instance_id = ?',

  activities: `SELECT sequence, instance_id, execution_id, task_id, name, input FROM activities
    WHERE sequence > ? ORDER BY sequence LIMIT ?`,
  lastActivity: 'SELECT coalesce(max(sequence), 0) AS last FROM activities',
  addActivity: `INSERT INTO activities(sequence, instance_id, execution_id, task_id, name, input) VALUES (?, ?, ?, ?, ?, ?)`,
  deleteActivity: 'DELETE FROM activities WHERE sequence = ?',
  deleteActivitiesOf: 'DELETE FROM activities WHERE instance_id = ?',

  dueTimers:
    'SELECT instance_id, execution_id, task_id, fire_at FROM timers WHERE fire_at <= ? ORDER BY fire_at LIMIT ?',
  nextTimer: 'SELECT min(fire_at) AS fire_at FROM timers WHERE fire_at > ?',
  addTimer: 'INSERT INTO timers(instance_id, execution_id, task_id, fire_at) VALUES (?, ?, ?, ?)',
  deleteTimer: 'DELETE FROM timers WHERE instance_id = ? AND execution_id = ? AND task_id = ?',
  deleteTimersOf: 'DELETE FROM timers WHERE instance_id = ?',
} as const;

/** Name of a statement. */
export type StatementName = keyof typeof statements;

/** Statements that decide over the rest of their commit: when the first statement is one and changes nothing, nothing else is done. */
export const guards: ReadonlySet<StatementName> = new Set(['createInstance', 'addMessageIfActive', 'deleteInstance']);

/** A value that SQLite stores. */
export type SqlValue = string | number | null;

/** A statement with its parameters. */
export type Statement = readonly [name: StatementName, ...parameters: SqlValue[]];

/** A row as the worker returns it. */
export type Row = Record<string, SqlValue>;

/** What the worker is asked: to write all of the statements or none, or to read. */
export type StoreRequest =
  { id: number; write: readonly Statement[] } | { id: number; read: Statement } | { id: number; close: true };

/** What the worker answers. `applied` is false when a guard kept the write from happening. */
export type StoreReply = { id: number; applied?: boolean; rows?: Row[]; error?: string };
