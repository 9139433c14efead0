/** Finds the containers that requests and code name, and keeps them from expiring while they are used. */
import { errors } from '../errors';
import type { Scope } from '../scope';
import { orderKey } from '../storage/keys';
import { withRetries } from '../storage/optimistic';
import { ConflictError, type StoredRecord } from '../storage/ports';
import { MAX_IDLE_MINUTES } from '../wire/containers';
import {
  containerDue,
  containerKey,
  expiryOf,
  FILES,
  filesPartition,
  isContainerId,
  isExpired,
  type ContainerRecord,
  type DeletedContainer,
} from './containerRecords';
import type { ResponsesPorts } from './ports';
import { responseIdOf, type ResponseKey } from './responseIds';
import { findResponse } from './turnRecords';

type Ports = Pick<ResponsesPorts, 'records' | 'now'>;

/** Name of the containers that responses make for themselves. */
const AUTO = 'auto';
const AUTO_ID = /^cntr_([A-Za-z0-9]{24})([A-Za-z0-9]{24})$/;

/** The id of the container that a response makes where it needs one. */
export const autoContainerId = ({ chain, turn }: ResponseKey): string => `cntr_${chain}${turn}`;

/** Whether responses make the container of that id. */
export const isAutoContainer = (id: string): boolean => AUTO_ID.test(id);

/** The container, expired ones too; undefined for one that is not there. */
export async function findContainer(
  ports: Ports,
  scope: Scope,
  id: string,
): Promise<StoredRecord<ContainerRecord> | undefined> {
  if (!isContainerId(id)) return undefined;
  const found = await ports.records.get<ContainerRecord | DeletedContainer>(containerKey(scope, id));
  if (found) return ofLiving(found);
  if (!(await isOfEarlierForm(ports, scope, id))) return undefined;
  return makeContainer(ports, scope, autoContainer(ports, id));
}

function ofLiving(
  found: StoredRecord<ContainerRecord | DeletedContainer> | undefined,
): StoredRecord<ContainerRecord> | undefined {
  return found && !('is_deleted' in found.value) ? { ...found, value: found.value } : undefined;
}

const autoContainer = ({ now }: Ports, id: string): ContainerRecord => {
  const at = Math.floor(now() / 1000);
  return { id, name: AUTO, created_at: at, last_active_at: at, minutes: MAX_IDLE_MINUTES };
};

/** Whether code ran there before containers had entries: files were noted, or a stored response tells of it. */
async function isOfEarlierForm({ records }: Ports, scope: Scope, id: string): Promise<boolean> {
  const written = await records.list(filesPartition(scope, id), FILES, { order: 'asc', limit: 1 });
  if (written.records.length > 0) return true;
  const [, chain, turn] = AUTO_ID.exec(id) ?? [];
  if (chain === undefined || turn === undefined) return false;
  const told = await findResponse(records, scope, responseIdOf({ chain, turn }));
  return told?.stored.response.output.some((item) => item.type === 'code_interpreter_call') ?? false;
}

/** Makes the container's entry, and sees to its expiry; undefined where another one has been made and deleted meanwhile. */
export async function makeContainer(
  { records }: Pick<Ports, 'records'>,
  scope: Scope,
  value: ContainerRecord,
): Promise<StoredRecord<ContainerRecord> | undefined> {
  const { partition, list, id } = containerKey(scope, value.id);
  const due = { add: [containerDue(scope, id, expiryOf(value))] };
  const order = orderKey(value.created_at * 1000);
  try {
    const [etag = ''] = await records.write(partition, [{ op: 'create', list, id, order, value }], due);
    return { id, order, etag, value };
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return ofLiving(await records.get<ContainerRecord | DeletedContainer>({ partition, list, id }));
  }
}

/** Uses the container, which moves its expiry. Throws 404 for one that is not there and 400 for one that has expired; `param` is where the request names it. */
export async function useContainer(ports: Ports, scope: Scope, id: string, param?: string): Promise<ContainerRecord> {
  return withRetries(async () => {
    const found = await findContainer(ports, scope, id);
    if (!found) throw errors.noContainer(id, param);
    if (isExpired(found.value, ports.now())) throw errors.containerExpired(param);
    return renewed(ports, scope, found);
  });
}

/** The container as it is now used, once a second at most. Throws {@link ConflictError}. */
export async function renewed(
  { records, now }: Ports,
  scope: Scope,
  { id, etag, value: before }: StoredRecord<ContainerRecord>,
): Promise<ContainerRecord> {
  const at = Math.floor(now() / 1000);
  if (at <= before.last_active_at) return before;
  const value: ContainerRecord = { ...before, last_active_at: at };
  const { partition, list } = containerKey(scope, id);
  await records.write(partition, [{ op: 'replace', list, id, value, ifMatch: etag }]);
  return value;
}

/** Uses the container that a response has made for itself, and makes it with its first code. Throws as {@link useContainer}. */
export async function useAutoContainer(ports: Ports, scope: Scope, id: string): Promise<void> {
  if (!(await ports.records.get(containerKey(scope, id)))) await makeContainer(ports, scope, autoContainer(ports, id));
  await useContainer(ports, scope, id);
}

/** Whether code can go on in the container. */
export async function isRunning(ports: Ports, scope: Scope, id: string): Promise<boolean> {
  const found = await findContainer(ports, scope, id);
  return found !== undefined && !isExpired(found.value, ports.now());
}
