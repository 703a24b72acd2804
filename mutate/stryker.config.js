/** StrykerJS for one room of src/, which `MUTATE_ROOM` names; started by run.ts. */
const room = process.env.MUTATE_ROOM
const output = `.data/mutate/${room}`

export default {
  mutate: [`src/${room}/**/*.ts`],
  testRunner: 'vitest',
  vitest: { configFile: 'mutate/vitest.config.ts' },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  // A static mutant would need every test again, and most of them are constants that tests shrink.
  ignoreStatic: true,
  incremental: true,
  incrementalFile: `${output}/incremental.json`,
  tempDirName: `${output}/sandbox`,
  reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
  clearTextReporter: { logTests: false, reportTests: false },
  htmlReporter: { fileName: `${output}/report.html` },
  jsonReporter: { fileName: `${output}/report.json` },
  concurrency: 2,
  timeoutMS: 20_000,
  // TypeScript 7 has no JavaScript API, which Stryker would rewrite tsconfig.json with.
  tsconfigFile: 'none',
}
