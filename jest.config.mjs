// QUORUM_TESTS chooses: live tests need a Kubernetes API of the caller's, long ones take more than their minutes.
const kind = process.env.QUORUM_TESTS;
const isChosen = kind === 'live' || kind === 'long';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: [isChosen ? `<rootDir>/test/**/*.${kind}.test.ts` : '<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '/dist/',
    ...(isChosen ? [] : ['\\.live\\.test\\.ts$', '\\.long\\.test\\.ts$']),
  ],
  modulePathIgnorePatterns: ['<rootDir>/dist'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } },
    ],
  },
  // A machine that is busy with the other worker is slow, not wrong.
  testTimeout: 15_000,
  coverageProvider: 'v8',
  // Each file may start servers and processes of its own, whose deadlines are a second: more at once make them late.
  maxWorkers: 2,
};
