const base = require('./jest.config.js');

const wire = [
  'agents', 'assistants', 'backgroundResponses', 'containers', 'conversations', 'deletionWhilePaging', 'examples', 'fileBatches', 'files', 'messages', 'olderRuns', 'races', 'refusals', 'responseFiles', 'responseFunctions',
  'responseMcp', 'responses', 'responseSearch', 'runExpiry', 'runs', 'runSteps', 'runStreams', 'schedules', 'search',
  'threads', 'toolOutputs', 'truncation', 'uploadParts', 'vectorStores',
]; // prettier-ignore

/**
 * The tests of the stateful families, with their state in one Azurite (`npm run test:azure`).
 * @type {import('jest').Config}
 */
module.exports = {
  ...base,
  globalSetup: '<rootDir>/test/support/azuriteRun.ts',
  globalTeardown: '<rootDir>/test/support/azuriteRunEnd.ts',
  testMatch: [
    ...wire.map((name) => `<rootDir>/test/wire/${name}.test.ts`),
    '<rootDir>/test/{activities,agents,assistants,examples,responses,schedules,tenants}/*.test.ts',
    '<rootDir>/test/retrieval/*.test.ts',
    '<rootDir>/test/foundry/{activities,ask}.test.ts',
    '<rootDir>/test/http/{audit,isolation,paging,retention,usage}.test.ts',
    '<rootDir>/test/identity/apiKeys.test.ts',
    '<rootDir>/test/localHost/tenant.test.ts',
    '<rootDir>/test/orchestrations/*.test.ts',
    '<rootDir>/test/recovery/*.test.ts',
  ],
  testTimeout: 60_000,
};
