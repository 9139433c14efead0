/** What esbuild needs so that libraries which are imported late can be. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { types } from 'node:util';

const PLAIN = Symbol('resolved without this plugin');
const load = createRequire(import.meta.url);

/** `file-type` keeps a library from bundlers for browsers by naming it in a variable. */
export const hiddenImports = {
  name: 'hidden-imports',
  setup(build) {
    build.onLoad({ filter: /[\\/]file-type[\\/]source[\\/]index\.js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      const contents = text.replaceAll("importAtRuntime('", "import('");
      if (contents === text) throw new Error(`${path} imports its libraries in another way than before.`);
      return { contents };
    });
  },
};

/** Lets `import()` of a CommonJS library give its members by name, as Node does: esbuild alone gives only the default when it splits code. */
export const namedExports = {
  name: 'named-exports',
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, async ({ kind, path, importer, resolveDir, pluginData }) => {
      if (kind !== 'dynamic-import' || pluginData === PLAIN) return undefined;
      const found = await build.resolve(path, { kind, importer, resolveDir, pluginData: PLAIN });
      if (found.external || found.errors.length > 0) return found;
      const library = load(found.path);
      if (types.isModuleNamespaceObject(library)) return found;
      return { path: found.path, namespace: 'named-exports', pluginData: Object.keys(library) };
    });
    build.onLoad({ filter: /.*/, namespace: 'named-exports' }, ({ path, pluginData: names }) => ({
      contents: [
        `const library = require(${JSON.stringify(path)});`,
        'export default library;',
        ...names
          .filter((name) => name !== 'default' && /^[A-Za-z_$][\w$]*$/.test(name))
          .map((name, at) => `const member${at} = library.${name}; export { member${at} as ${name} };`),
      ].join('\n'),
      resolveDir: '/',
    }));
  },
};
