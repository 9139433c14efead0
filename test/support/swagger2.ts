/** What a Swagger 2.0 document must be, and what custom connectors take of it: https://learn.microsoft.com/connectors/custom-connectors/openapi-extensions. */

type Json = Record<string, unknown>;
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object, or the empty one. */
export const objectOf = (value: unknown): Json => (isJson(value) ? value : {});
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const types = ['object', 'array', 'string', 'number', 'integer', 'boolean'];
const schemaKeys = [
  ...['type', 'format', 'title', 'description', 'default', 'enum', 'required', 'properties', 'items', 'example'],
  ...['minimum', 'maximum', 'minLength', 'maxLength', 'minItems', 'maxItems', 'pattern', 'additionalProperties'],
];
const parameterKeys = ['name', 'in', 'required', 'description', 'type', 'format', 'default', 'enum', 'schema'];
const visibilities = ['important', 'advanced', 'internal', 'none'];

/** The faults of a document; none in a good one. */
export function faultsOf(document: Json): string[] {
  const faults: string[] = [];
  const must = (holds: boolean, fault: string): void => void (holds || faults.push(fault));
  must(document.swagger === '2.0', 'swagger is not 2.0');
  const info = objectOf(document.info);
  must(typeof info.title === 'string' && typeof info.version === 'string', 'info lacks title or version');
  must(/^[\w.-]+$/.test(String(document.host)), 'host is no host');
  must(String(document.basePath).startsWith('/'), 'basePath does not begin with /');
  const definitions = objectOf(document.definitions);
  const ids = new Map<string, Json>();
  const lowerPaths = new Set<string>();

  const schema = (given: unknown, at: string): void => {
    const value = objectOf(given);
    if (value.$ref !== undefined) {
      must(Object.keys(value).length === 1, `${at}: something stands beside $ref`);
      const name = String(value.$ref).replace('#/definitions/', '');
      must(name in definitions, `${at}: ${String(value.$ref)} is not there`);
      return;
    }
    for (const key of Object.keys(value))
      must(schemaKeys.includes(key) || key.startsWith('x-ms-'), `${at}: ${key} is unknown`);
    must(value.type === undefined || types.includes(String(value.type)), `${at}: wrong type`);
    if (value.type === 'array') must(isJson(value.items), `${at}: an array without items`);
    if (value['x-ms-visibility'] !== undefined)
      must(visibilities.includes(String(value['x-ms-visibility'])), `${at}: wrong visibility`);
    const properties = objectOf(value.properties);
    if (value.required !== undefined) must(listOf(value.required).length > 0, `${at}: required is empty`);
    for (const name of listOf(value.required))
      must(String(name) in properties, `${at}: ${String(name)} is required only`);
    if (value.items !== undefined) schema(value.items, `${at}[]`);
    for (const [name, property] of Object.entries(properties)) {
      must(typeof objectOf(property)['x-ms-summary'] === 'string', `${at}.${name}: has no summary`);
      schema(property, `${at}.${name}`);
    }
  };

  const operation = (path: string, verb: string, value: Json): void => {
    const at = `${verb} ${path}`;
    const id = String(value.operationId);
    must(/^[A-Z][A-Za-z0-9]*$/.test(id), `${at}: operationId`);
    must(!ids.has(id), `${at}: operationId twice`);
    ids.set(id, value);
    must(/^[A-Z].{0,118}[^.]$/.test(String(value.summary)), `${at}: summary`);
    must(/^[A-Z].*\.$/.test(String(value.description)), `${at}: description`);
    const parameters = listOf(value.parameters).map(objectOf);
    const inPath = [...path.matchAll(/\{([^}]+)\}/g)].map(([, name]) => name);
    const told = parameters.filter((each) => each.in === 'path').map(({ name }) => name);
    must(JSON.stringify(inPath.sort()) === JSON.stringify(told.sort()), `${at}: parameters of the path`);
    must(new Set(parameters.map(({ name }) => name)).size === parameters.length, `${at}: a parameter twice`);
    const bodies = parameters.filter((each) => each.in === 'body');
    must(bodies.length <= (verb === 'get' ? 0 : 1), `${at}: bodies`);
    for (const parameter of parameters) {
      const place = `${at} ${String(parameter.name)}`;
      for (const key of Object.keys(parameter))
        must(parameterKeys.includes(key) || key.startsWith('x-ms-'), `${place}: ${key} is unknown`);
      must(parameter.name !== 'connectionId', `${place}: is reserved`);
      if (parameter.in === 'path') must(parameter.required === true, `${place}: must be required`);
      if (parameter.in === 'body') schema(parameter.schema, place);
      else {
        must(['path', 'query', 'header'].includes(String(parameter.in)), `${place}: in`);
        must(types.slice(1).includes(String(parameter.type)), `${place}: type`);
        must(typeof parameter['x-ms-summary'] === 'string', `${place}: has no summary`);
        if (parameter['x-ms-visibility'] === 'internal')
          must(parameter.default !== undefined, `${place}: is internal without a default`);
      }
    }
    const responses = Object.entries(objectOf(value.responses));
    must(
      responses.some(([status]) => status.startsWith('2')),
      `${at}: no success`,
    );
    for (const [status, answer] of responses) {
      must(/^([1-5]\d\d|default)$/.test(status), `${at}: status ${status}`);
      must(typeof objectOf(answer).description === 'string', `${at} ${status}: description`);
      if (objectOf(answer).schema !== undefined) schema(objectOf(answer).schema, `${at} ${status}`);
    }
  };

  for (const [path, verbs] of Object.entries(objectOf(document.paths))) {
    must(path.startsWith('/') && !/[*?#]/.test(path), `${path}: wrong path`);
    must(!lowerPaths.has(path.toLowerCase()), `${path}: twice`);
    lowerPaths.add(path.toLowerCase());
    for (const [verb, value] of Object.entries(objectOf(verbs))) operation(path, verb, objectOf(value));
  }
  for (const [name, value] of Object.entries(definitions)) schema(value, name);
  dynamicLists(document, (list) => {
    const id = String(list.operationId);
    const listed = objectOf(ids.get(id));
    must(ids.has(id), `the dynamic list of ${id} is not there`);
    const needed = listOf(listed.parameters)
      .map(objectOf)
      .filter((each) => each.required === true);
    for (const { name } of needed)
      must(String(name) in objectOf(list.parameters), `the dynamic list of ${id} lacks ${String(name)}`);
  });
  return faults;
}

/** Tells every `x-ms-dynamic-values` of the document. */
function dynamicLists(value: unknown, tell: (list: Json) => void): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === 'x-ms-dynamic-values') tell(objectOf(inner));
    else dynamicLists(inner, tell);
  }
}
