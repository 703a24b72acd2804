import { spawnSync } from 'node:child_process'
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { watchFiles } from '../src/ledger/file-watch.ts'
import { temporaryFolder, until } from './support/app.ts'

/** Creates two files, and a function that watches both and checks every 10 ms. */
function watchTwo() {
  const folder = temporaryFolder()
  const paths = [join(folder, 'a'), join(folder, 'b')]
  for (const path of paths) writeFileSync(path, 'text')
  const watch = () => {
    const watch = watchFiles(paths, 10)
    onTestFinished(watch.stop)
    return watch
  }
  return { a: paths[0] as string, b: paths[1] as string, watch }
}

test('a write to a watched file is not a move', async () => {
  const { a, b, watch } = watchTwo()
  const { hasMoved } = watch()
  writeFileSync(a, 'more text')
  // When this second watch reports its deleted file, the first watch has also checked at least once.
  const marker = watchTwo()
  const other = marker.watch()
  rmSync(marker.b)
  await until(other.hasMoved)

  expect(hasMoved()).toBe(false)
  rmSync(b)
  await until(hasMoved)
})

test.for([
  ['deleted', (path: string) => rmSync(path)],
  [
    'replaced',
    (path: string) => {
      writeFileSync(`${path}.new`, 'text')
      renameSync(`${path}.new`, path)
    },
  ],
] as const)('a watch reports a move when either file is %s', async ([, change]) => {
  for (const which of ['a', 'b'] as const) {
    const files = watchTwo()
    const { hasMoved } = files.watch()
    expect(hasMoved()).toBe(false)
    change(files[which])
    await until(hasMoved)
  }
})

test('a stopped watch reports no move', async () => {
  const { a, watch } = watchTwo()
  const stopped = watch()
  const other = watch()
  stopped.stop()
  await new Promise((resolve) => setTimeout(resolve, 50))
  rmSync(a)
  await until(other.hasMoved)
  await new Promise((resolve) => setTimeout(resolve, 50))

  expect(stopped.hasMoved()).toBe(false)
})

test('a missing file cannot be watched', () => {
  expect(() => watchFiles([join(temporaryFolder(), 'missing')], 10)).toThrow('ENOENT')
})

test('a watch does not keep the process alive', () => {
  const { a } = watchTwo()
  const script = `
    import { watchFiles } from './src/ledger/file-watch.ts'
    watchFiles([${JSON.stringify(a)}], 60_000)
  `
  const args = ['--input-type=module-typescript', '--eval', script]
  const { status, signal } = spawnSync(process.execPath, args, { timeout: 15_000 })

  expect({ status, signal }).toEqual({ status: 0, signal: null })
})
