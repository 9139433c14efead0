/** Preloaded into a host that another process started: it stops, as on SIGTERM, when that process ends or lets go of it. */
import { isMainThread } from 'node:worker_threads';

// Worker threads preload the same files.
if (isMainThread) process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
