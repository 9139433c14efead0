/** Paths of blob triggers: `container/pattern`, such as `uploads/{folder}/{name}.{extension}`. */

export interface BlobPath {
  container: string;
  /** Values of the pattern's parameters for a blob of the container, or undefined if its name does not match. */
  match(name: string): Record<string, string> | undefined;
}

/** As on the real host a parameter is greedy and crosses `/`; a path without a pattern takes every blob. Throws an Error for a wrong path. */
export function parseBlobPath(path: string): BlobPath {
  const slash = path.indexOf('/');
  const container = slash < 0 ? path : path.slice(0, slash);
  if (!/^[a-z0-9](-?[a-z0-9]){2,62}$/.test(container) && !/^\$(root|web|logs)$/.test(container)) {
    throw new Error(`'${path}': a blob path begins with the name of a container.`);
  }
  const pattern = slash < 0 ? '' : path.slice(slash + 1);
  if (pattern === '') return { container, match: () => ({}) };
  const { regExp, parameters } = compile(pattern);
  return {
    container,
    match: (name) => {
      const found = regExp.exec(name);
      return found
        ? Object.fromEntries(parameters.map((parameter, at) => [parameter, found[at + 1] ?? '']))
        : undefined;
    },
  };
}

function compile(pattern: string): { regExp: RegExp; parameters: string[] } {
  const parameters: string[] = [];
  const source = pattern.replace(/\{\{|\}\}|\{([a-z_]\w*)\}|[^]/gi, (token, parameter: string | undefined) => {
    if (parameter !== undefined) {
      if (parameters.includes(parameter)) throw new Error(`'{${parameter}}' appears twice in the blob path.`);
      parameters.push(parameter);
      return '(.*)';
    }
    if (token === '{' || token === '}') throw new Error(`'${pattern}': a brace of the blob path has no partner.`);
    return token.charAt(0).replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
  });
  return { regExp: new RegExp(`^${source}$`, 's'), parameters };
}
