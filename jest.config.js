/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023' }, module: { type: 'commonjs', ignoreDynamic: true } }],
  },
  // Adapters that are loaded late are named as the compiled files that they are at run time.
  moduleNameMapper: { '^(\\./adapters/.+)\\.js$': '$1' },
  testTimeout: 30_000,
  maxWorkers: 2,
};
