/** `npm start`: the functions app of the folder where it is called. */
import { start } from './start';

start(process.cwd());
