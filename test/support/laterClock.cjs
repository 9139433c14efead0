/** Preloaded into a host: its clock is DAYS_LATER days ahead. */
const real = Date.now;
const ahead = Number(process.env.DAYS_LATER ?? 0) * 86_400_000;
Date.now = () => real() + ahead;
