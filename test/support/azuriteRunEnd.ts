/** Jest's global teardown of `npm run test:azure`. */
export { stopAzurite as default } from './azuriteRun';
