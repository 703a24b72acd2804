import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

test('a smoke run of the bench prints a table for each operation', async () => {
  const { stdout } = await run(process.execPath, ['bench/run.ts', 'smoke', 'table'])

  expect(stdout).toMatch(/one: one asset by id/)
  expect(stdout).toMatch(/many: twenty assets with their groups/)
  const rows = ['raw handler', 'plain Yoga, dataloader', 'ZeroGraph, cold', 'ZeroGraph, warm']
  for (const name of rows) {
    expect(stdout.match(new RegExp(`^  ${name} +\\d+ `, 'gm')), name).toHaveLength(2)
  }
}, 60_000)
