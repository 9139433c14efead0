/** Which backends serve a name, and which of them is called first. */
import { nameAt, type ModelBackend } from '../modelBackends';

/** A backend with its own name of the model. */
export interface Route {
  backend: ModelBackend;
  name: string;
  /** Of the backend and the deployment there. */
  id: string;
}

/** Characters of a name: routes are remembered by it, and some services have it in their path. */
const MAX_NAME = 256;

/**
 * Not: an empty name, one that is too long or no Unicode, or one that leads to another path, such as `../files`: its slashes go encoded, but some servers decode them before they
 * resolve the path.
 */
export const isUsableName = (name: string): boolean =>
  name.length <= MAX_NAME && name.isWellFormed() && !/(?:^|[/\\])\.{0,2}(?:[/\\]|$)/.test(name);

/** Every backend that serves the name, in the order given. */
export function routesOf(backends: readonly ModelBackend[], model: string): Route[] {
  const routes: Route[] = [];
  for (const backend of backends) {
    const name = nameAt(backend, model);
    if (name !== undefined && isUsableName(name)) routes.push({ backend, name, id: `${backend.name}/${name}` });
  }
  return routes;
}

/**
 * One of the routes of the lowest priority number, by weight; undefined if there are none.
 *
 * @param random Gives from 0 up to, not including, 1.
 */
export function chooseRoute(routes: readonly Route[], random: () => number): Route | undefined {
  if (routes.length < 2) return routes[0];
  const first = Math.min(...routes.map(({ backend }) => backend.priority));
  const group = routes.filter(({ backend }) => backend.priority === first);
  if (group.length < 2) return group[0];
  let point = random() * group.reduce((sum, { backend }) => sum + backend.weight, 0);
  return group.find(({ backend }) => (point -= backend.weight) < 0) ?? group.at(-1);
}

/**
 * Ids that vectors of an embedding deployment may be stored under: kind of backend and the name there, so that they stay the same when single settings become
 * MODEL_BACKENDS. The first is for new stores. Backends that share a deployment's calls must embed with the same model.
 */
export function embeddingIds(backends: readonly ModelBackend[], deployment: string): string[] {
  const inOrder = backends.toSorted((a, b) => a.priority - b.priority);
  return [...new Set(routesOf(inOrder, deployment).map(({ backend, name }) => `${backend.kind}:${name}`))];
}
