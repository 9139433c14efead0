/** The Python side of the sandbox: it runs code as a notebook runs a cell. */

/** The code's working directory: what is written here becomes files. */
export const DATA_FOLDER = '/mnt/data';
/** Where the parent puts wheels. */
export const WHEEL_FOLDER = '/wheels';

/**
 * Run once, before any user code; its value is `run_cell(source)`.
 * - The modules that reach JavaScript are taken out, and so is what makes an object of it.
 * - `asyncio` gets an event loop that waits in Python, since the process does nothing else meanwhile.
 * - A wheel is unpacked when something that it holds is imported for the first time.
 */
export const cellRunner = `
import ast, asyncio, ctypes, gc, importlib.abc, importlib.machinery, inspect, linecache, os, site, sys, time, traceback, zipfile
import __main__, _pyodide_core, _testinternalcapi
import pyodide.code, pyodide.ffi, pyodide.webloop
from _pyodide._importhook import JsLoader, jsfinder

jsfinder.jsproxies.clear()
for loader in [object for object in gc.get_objects() if isinstance(object, JsLoader)]:
    loader.jsproxy = None
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not jsfinder]
del pyodide.code.run_js


def refuse(*args, **kwargs):
    raise PermissionError('The sandbox does not allow this.')


converters = _pyodide_core.Py2JsConverter, _pyodide_core.Js2PyConverter, _pyodide_core.JsFuncSignature
makers = [value for value in gc.get_objects() if isinstance(value, converters)]
for value in makers:
    # The runtime itself keeps these.
    ctypes.pythonapi.PyObject_GC_UnTrack(ctypes.py_object(value))
for value in vars(_pyodide_core).values():
    if inspect.isbuiltin(value) or isinstance(value, converters):
        makers.append(value)
for maker in makers:
    for holder in gc.get_referrers(maker):
        if isinstance(holder, dict):
            holder.update((name, refuse) for name, value in list(holder.items()) if value is maker)
del maker, makers, holder, value
_pyodide_core.JsException.__new__ = refuse
# Nor is the module made anew when it is imported again: it is no longer kept, and it loses its name in the table of built-in modules.
_testinternalcapi.clear_extension('_pyodide_core', '_pyodide_core')
entry = ctypes.c_void_p.in_dll(ctypes.pythonapi, 'PyImport_Inittab').value
while ctypes.string_at(name := ctypes.c_void_p.from_address(entry).value) != b'_pyodide_core':
    entry += 2 * ctypes.sizeof(ctypes.c_void_p)
ctypes.memset(name, 0, 1)
for module in list(sys.modules.values()):
    for name, value in list(vars(module).items()) if isinstance(module, type(sys)) else []:
        if isinstance(value, pyodide.ffi.JsProxy):
            delattr(module, name)
for name in [name for name, module in sys.modules.items() if isinstance(module, pyodide.ffi.JsProxy)]:
    del sys.modules[name]


class WaitingSelector:
    def select(self, timeout):
        if timeout is None:
            raise RuntimeError('Nothing can happen any more that this waits for.')
        if timeout > 0:
            time.sleep(timeout)
        return []

    def close(self):
        pass


class CellLoop(asyncio.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._selector = WaitingSelector()

    def _process_events(self, events):
        pass

    def _write_to_self(self):
        pass


class CellLoopPolicy(asyncio.events._BaseDefaultEventLoopPolicy):
    _loop_factory = CellLoop


# Pyodide's own wait for JavaScript.
time.sleep = pyodide.webloop._orig_sleep
asyncio.run = pyodide.webloop._orig_run
asyncio.events._set_running_loop(None)
asyncio.events._set_event_loop_policy(CellLoopPolicy())
cell_loop = CellLoop()
asyncio.set_event_loop(cell_loop)


class WheelFinder(importlib.abc.MetaPathFinder):
    def __init__(self):
        self.wheels = {}
        self.target = site.getsitepackages()[0]
        for name in sorted(os.listdir('${WHEEL_FOLDER}')):
            path = os.path.join('${WHEEL_FOLDER}', name)
            with zipfile.ZipFile(path) as wheel:
                for member in wheel.namelist():
                    top = member.split('/')[0].split('.')[0]
                    self.wheels.setdefault(top, []).append(path) if path not in self.wheels.get(top, []) else None

    def find_spec(self, fullname, path=None, target=None):
        paths = [path for path in self.wheels.pop(fullname.split('.')[0], []) if os.path.exists(path)]
        for path in paths:
            with zipfile.ZipFile(path) as wheel:
                wheel.extractall(self.target)
            os.remove(path)
        if not paths:
            return None
        importlib.invalidate_caches()
        return importlib.machinery.PathFinder.find_spec(fullname)


os.makedirs('${WHEEL_FOLDER}', exist_ok=True)
wheel_finder = WheelFinder()
if wheel_finder.wheels:
    sys.meta_path.append(wheel_finder)

# Matplotlib's way of naming a backend of one's own: a module with its canvas and a function that shows.
backend = os.path.join(site.getsitepackages()[0], 'saved_figures.py')
with open(backend, 'w') as file:
    file.write('''
import itertools, os
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

numbers = itertools.count(1)


def show(*args, **kwargs):
    from matplotlib import pyplot
    for figure in pyplot.get_fignums():
        path = next(path for path in (f'${DATA_FOLDER}/figure-{number}.png' for number in numbers) if not os.path.exists(path))
        pyplot.figure(figure).savefig(path)
    pyplot.close('all')
''')
os.environ['MPLBACKEND'] = 'module://saved_figures'

os.makedirs('${DATA_FOLDER}', exist_ok=True)
os.chdir('${DATA_FOLDER}')
sys.argv = ['']
sys.dont_write_bytecode = True
sys.path[:] = [path for path in sys.path if path] + ['${DATA_FOLDER}']
cells = 0


def execute(code):
    value = eval(code, __main__.__dict__)
    return cell_loop.run_until_complete(value) if code.co_flags & inspect.CO_COROUTINE else value


def compile_cell(tree, name, mode):
    return compile(tree, name, mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def run_source(source, name):
    tree = ast.parse(source, name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    execute(compile_cell(tree, name, 'exec'))
    if last is None:
        return
    value = execute(compile_cell(ast.Expression(last.value), name, 'eval'))
    if not source.rstrip().endswith(';'):
        sys.displayhook(value)


def tell(error):
    own = error.__traceback__
    while own and not own.tb_frame.f_code.co_filename.startswith('<cell '):
        own = own.tb_next
    flush()
    # Straight to the descriptor: code may have closed or replaced the stream.
    os.write(2, ''.join(traceback.format_exception(type(error), error, own)).encode(errors='backslashreplace'))


def flush():
    for stream in stdout, stderr:
        if not stream.closed:
            stream.flush()


def run_cell(source):
    global cells
    cells += 1
    name = f'<cell {cells}>'
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    try:
        run_source(source, name)
    except SystemExit as error:
        if error.code not in (None, 0):
            tell(error)
    except BaseException as error:
        tell(error)
    finally:
        flush()


stdout, stderr = sys.stdout, sys.stderr
for stream in stdout, stderr:
    stream.reconfigure(line_buffering=True, encoding='utf-8', errors='backslashreplace')
run_cell
`;
