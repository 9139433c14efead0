/** Every family of operations that is served. */
import type { Family } from '../http/family';
import { assistantsFamily } from './assistants';
import { filesFamily } from './files';
import { runOperations } from './runs';
import { threadOperations } from './threads';
import { vectorStoresFamily } from './vectorStores';

export const families: Family[] = [
  assistantsFamily,
  { name: 'threads', operations: [...threadOperations, ...runOperations] },
  filesFamily,
  vectorStoresFamily,
];
