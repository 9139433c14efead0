/** Preloaded: this process lives so many milliseconds after (or before) the real time. */
const offset = Number(process.env.CLOCK_OFFSET_MILLISECONDS);
const realNow = Date.now;
Date.now = () => realNow() + offset;
globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) =>
    Reflect.construct(target, given.length > 0 ? given : [Date.now()], newTarget),
});
