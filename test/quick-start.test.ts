import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { temporaryFolder } from './support/app.ts'
import {
  AFTER_A_RENDERING,
  enter,
  fillPrompt,
  openBoard,
  plays,
  SOON,
  tile,
} from './support/board.ts'

const AT_MOST_MS = 120_000

test('from git clone to a video that plays on the board takes less than two minutes', async () => {
  const [, install = '', start = ''] =
    /^ {4}(npm ci) && (npm start) /m.exec(readFileSync('README.md', 'utf8')) ?? []
  const clone = join(temporaryFolder(), 'zerograph')
  const startedAt = performance.now()

  execFileSync('git', ['clone', '--quiet', process.cwd(), clone])
  execFileSync('sh', ['-c', install], { cwd: clone, stdio: 'pipe' })
  const { page } = await openBoard({ url: await serve(start, clone) })
  await enter(page)
  await page.getByRole('button', { name: 'Register the samples' }).click()
  await tile(page, 'portrait').getByText('Active').waitFor(SOON)
  await fillPrompt(page, 'She turns to the camera and smiles')
  await page.getByRole('button', { name: 'Choose: First frame' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'portrait' }).click()
  await page.getByRole('button', { name: 'Make the video' }).click()
  await page.getByLabel('The finished video').waitFor(AFTER_A_RENDERING)

  expect(await plays(page)).toBe(true)
  expect(performance.now() - startedAt).toBeLessThan(AT_MOST_MS)
}, 240_000)

/** Starts the service with a command of the README. Returns the URL of its board when it is ready. */
async function serve(command: string, cwd: string): Promise<string> {
  const child = spawn('sh', ['-c', command], {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: '0', SANDBOX_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    // A separate process group, so that the child processes of npm end too.
    detached: true,
  })
  onTestFinished(async () => {
    if (child.exitCode !== null || child.pid === undefined) return
    const exited = once(child, 'exit')
    process.kill(-child.pid, 'SIGKILL')
    await exited
  })
  for await (const line of createInterface({ input: child.stdout })) {
    const board = line.startsWith('{') && JSON.parse(line).board
    if (board) return board
  }
  throw new Error('The service ended before it was ready.')
}
