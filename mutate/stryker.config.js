/** Configuration of StrykerJS for one room of src/. `MUTATE_ROOM` has its name; run.ts sets it. */
const room = process.env.MUTATE_ROOM
const output = `.data/mutate/${room}`

export default {
  mutate: [`src/${room}/**/*.ts`],
  testRunner: 'vitest',
  vitest: { configFile: 'mutate/vitest.config.ts' },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  // A static mutant needs a run of every test, and most of them are constants that tests replace by smaller values.
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
  // Stryker rewrites tsconfig.json with the JavaScript API of TypeScript, which TypeScript 7 does not have.
  tsconfigFile: 'none',
}
