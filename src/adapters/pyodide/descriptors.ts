/** File descriptors of the sandbox's process beside its standard input, which brings the requests. */

/** Answers. Not standard output, on which libraries may print. */
export const ANSWER_FD = 3;
/** Memory use, from the watchdog. */
export const WATCHDOG_FD = 4;
