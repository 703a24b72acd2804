import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, openSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createLogDestination } from '../src/telemetry/log-destination.ts'
import { ask, temporaryFolder, until } from './support/app.ts'

/** Refuses every write with ENOSPC (Linux). */
const FULL = '/dev/full'

test('lines are written in order, and flushSync writes the remaining lines', async () => {
  const path = join(temporaryFolder(), 'log')
  const destination = createLogDestination(openFile(path))

  for (let line = 0; line < 1_000; line += 1) destination.write(`${line}\n`)
  await until(() => linesOf(path).length === 1_000)
  destination.write('last\n')
  destination.flushSync()

  expect(linesOf(path)).toEqual([...Array(1_000).keys(), 'last'].map(String))
})

test.skipIf(!existsSync(FULL))('a full disk loses log lines, but causes no error', async () => {
  const destination = createLogDestination(openFile(FULL), 100)

  for (let line = 0; line < 1_000; line += 1) destination.write(`${line}\n`)
  await new Promise((resolve) => setImmediate(resolve))
  destination.write('later\n')

  expect(() => destination.flushSync()).not.toThrow()
})

test('lines above the limit are dropped, and a log line reports their number', () => {
  const path = join(temporaryFolder(), 'log')
  const destination = createLogDestination(openFile(path), 20)

  for (const line of ['one\n', 'two\n', 'much too long a line\n', 'three\n'])
    destination.write(line)
  destination.flushSync()

  const lines = linesOf(path)
  expect(lines.slice(0, 3)).toEqual(['one', 'two', 'three'])
  expect(JSON.parse(lines[3] ?? '')).toMatchObject({ level: 40, lostLines: 1 })
})

test('the service works while its log cannot grow, logs again when it can, and stops on SIGTERM', async () => {
  const dataDir = temporaryFolder()
  const path = join(dataDir, 'log')
  const limitBytes = 8 * 1024 * 1024
  writeFileSync(path, '')
  truncateSync(path, limitBytes)
  const port = await freePort()
  const script = `ulimit -f ${limitBytes / 1024}; exec "$0" src/main.ts >> "$1"`
  const child = spawn('bash', ['-c', script, process.execPath, path], {
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      DATA_DIR: dataDir,
      // No server listens there, because the operations of this test need no upstream.
      UPSTREAM_URL: 'http://127.0.0.1:9',
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const url = `http://127.0.0.1:${port}`
  await until(() => isHealthy(url), 20_000)

  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(url, '{ __typename }')))
  expect(answers).toEqual(Array(50).fill({ data: { __typename: 'Query' } }))

  truncateSync(path, 0)
  await until(async () => {
    await ask(url, 'query After { __typename }')
    return linesOf(path).some((line) => line.includes('"After"'))
  })
  for (const line of linesOf(path)) JSON.parse(line)

  truncateSync(path, limitBytes)
  await ask(url, '{ __typename }')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  expect(await exited).toEqual([0, null])
})

/** Never closed: the destination retries after the test, and a socket could then have the number of the closed file. */
function openFile(path: string): number {
  return openSync(path, 'a')
}

function linesOf(path: string): string[] {
  // The text after the last line break is still being written.
  return readFileSync(path, 'utf8').split('\n').slice(0, -1)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  return port
}

async function isHealthy(url: string): Promise<boolean> {
  const response = await fetch(`${url}/health`).catch(() => null)
  return response?.ok ?? false
}
