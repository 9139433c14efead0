/** What the local host takes from host.json. */
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';

export interface HostJson {
  /** Before every route; may be ''. */
  routePrefix: string;
  /** Name of the durable task hub. */
  hubName: string;
  maxConcurrentActivities: number;
  maxConcurrentOrchestrators: number;
  /** That orchestrations begin with; instances of a newer one fail. Null: none is given, and none is looked at. */
  defaultVersion: string | null;
}

/** Reads `root/host.json`; what it leaves out gets the real host's defaults. Rejects with an Error when it is absent or no JSON object. */
export async function readHostJson(root: string): Promise<HostJson> {
  const file = join(root, 'host.json');
  const json: unknown = JSON.parse(await readFile(file, 'utf8'));
  if (!isObject(json) || json.version !== '2.0') throw new Error(`${file}: version must be "2.0".`);
  const extensions = section(json, 'extensions');
  const http = section(extensions, 'http');
  const durable = section(extensions, 'durableTask');
  return {
    routePrefix: typeof http.routePrefix === 'string' ? http.routePrefix : 'api',
    hubName: typeof durable.hubName === 'string' ? durable.hubName : 'TestHubName',
    maxConcurrentActivities: count(durable.maxConcurrentActivityFunctions),
    maxConcurrentOrchestrators: count(durable.maxConcurrentOrchestratorFunctions),
    defaultVersion: defaultVersion(durable),
  };
}

function defaultVersion(durable: Record<string, unknown>): string | null {
  const { defaultVersion: version, versionMatchStrategy: match, versionFailureStrategy: failure } = durable;
  if (typeof version !== 'string' || version === '') return null;
  if (match !== 'CurrentOrOlder' || failure !== 'Fail')
    throw new Error(
      'with defaultVersion the local host needs versionMatchStrategy "CurrentOrOlder" and versionFailureStrategy "Fail".',
    );
  return version;
}

function count(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 10 * cpus().length;
}

function section(parent: Record<string, unknown>, name: string): Record<string, unknown> {
  const value = parent[name];
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
