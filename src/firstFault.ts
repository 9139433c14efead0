/**
 * Option of zod's `safeParse`: only the first fault is looked for, where one alone is told. To find all those of a million values takes seconds, in which nobody
 * else is served. Zod has it for its own `validate`, and reads it wherever it parses.
 */
export const TO_FIRST_FAULT = { reportInput: false, abortEarly: true };
