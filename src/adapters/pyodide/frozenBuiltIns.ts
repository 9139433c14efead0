/**
 * Freezes JavaScript's own classes, so that code that gets hold of an object of theirs cannot change what the process's own code, and Emscripten's, do with
 * such objects: without it a setter on `Object.prototype` is handed every object to which somebody assigns a member of that name.
 */

/** Global objects that hold only functions and classes. */
const namespaces = ['Atomics', 'Intl', 'JSON', 'Math', 'Reflect', 'WebAssembly'];

/** One object of each kind whose class has no global name. */
const ofNamelessClasses = (): unknown[] => [
  async () => 0,
  function* () {},
  async function* () {},
  [].values(),
  new Map().entries(),
  new Set().values(),
  'a'.matchAll(/a/g),
  'a'[Symbol.iterator](),
];

/**
 * Freezes every class and function with a global name and the given values, with all that can be reached from them by members and prototypes. It cannot be undone.
 */
export function freezeBuiltIns(others: unknown[]): void {
  const globals = Object.values(Object.getOwnPropertyDescriptors(globalThis)).map(({ value }): unknown => value);
  const waiting = [
    ...globals.filter((value) => typeof value === 'function'),
    ...namespaces.map((name): unknown => Reflect.get(globalThis, name)),
    ...ofNamelessClasses().map((value): unknown => Object.getPrototypeOf(value)),
    Buffer, // a getter gives it
    ...others,
  ];
  const seen = new Set<unknown>();
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (!isObject(next) || seen.has(next) || ArrayBuffer.isView(next)) continue;
    seen.add(next);
    waiting.push(Object.getPrototypeOf(next));
    for (const key of Reflect.ownKeys(next)) {
      const property = Object.getOwnPropertyDescriptor(next, key);
      waiting.push(property?.value, property?.get, property?.set);
    }
    Object.freeze(next);
  }
}

const isObject = (value: unknown): value is object =>
  typeof value === 'function' || (typeof value === 'object' && value !== null);
