/** The Python of one session: Pyodide in a thread of its own, with the file system of the session, that runs cells as a notebook's kernel does. */
const { parentPort } = require('node:worker_threads');
const { loadPyodide } = require('pyodide');

const kernel = `
import ast, base64, io, json, os, sys, traceback, linecache
import __main__
os.makedirs('/mnt/data', exist_ok=True)
out, err = sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
cells = 0


def shown(value):
    if hasattr(value, '_repr_png_'):
        return {'type': 'image', 'format': 'png', 'base64_data': base64.b64encode(value._repr_png_()).decode()}
    return repr(value)


def run_cell(source):
    global cells
    cells += 1
    name = f'<ipython-input-{cells}>'
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    result = None
    failure = None
    try:
        tree = ast.parse(source, name)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, name, 'exec'), __main__.__dict__)
        if last is not None:
            value = eval(compile(ast.Expression(last.value), name, 'eval'), __main__.__dict__)
            if value is not None and not source.rstrip().endswith(';'):
                __main__._ = value
                result = shown(value)
    except BaseException as error:
        own = error.__traceback__
        while own and own.tb_frame.f_code.co_filename != name:
            own = own.tb_next
        err.write(''.join(traceback.format_exception(type(error), error, own)))
        failure = type(error).__name__
    texts = out.getvalue(), err.getvalue()
    for stream in out, err:
        stream.seek(0)
        stream.truncate()
    return json.dumps({'stdout': texts[0], 'stderr': texts[1], 'executionResult': result, 'failure': failure})
run_cell
`;

const ready = loadPyodide().then((pyodide) => {
  const globals = pyodide.toPy({});
  return { pyodide, runCell: pyodide.runPython(kernel, { globals }) };
});

const actions = {
  run: ({ runCell }, { code }) => JSON.parse(runCell(code)),
  put({ pyodide }, { path, content }) {
    pyodide.FS.mkdirTree('/mnt/data');
    pyodide.FS.writeFile(path, content);
    return { bytes: content.length };
  },
  get({ pyodide }, { path }) {
    return pyodide.FS.analyzePath(path).exists ? { content: pyodide.FS.readFile(path) } : {};
  },
};

parentPort.on('message', async ({ id, action, ...given }) => {
  try {
    parentPort.postMessage({ id, answer: actions[action](await ready, given) });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error) });
  }
});
