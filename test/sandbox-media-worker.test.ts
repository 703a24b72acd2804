import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { MediaWorker } from '../src/sandbox/media-worker.ts'
import { temporaryFolder } from './support/sandbox.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

test('a worker that exits fails its jobs, and the next job starts a new worker', async () => {
  const script = join(temporaryFolder(), 'worker.mjs')
  writeFileSync(
    script,
    `process.on('message', (job) => {
       if (job.path === 'poison') process.exit(7)
       process.send({ id: job.id, value: job.path })
     })`,
  )
  const worker = new MediaWorker({ workerUrl: pathToFileURL(script) })
  onTestFinished(() => worker.close())

  const first = worker.probe('poison')
  await expect(first).rejects.toThrow('the worker is gone (exit code 7)')
  const second = await worker.probe('water')

  expect(second).toBe('water')
})

test('an idle worker ends, and the next job starts a new worker', async () => {
  const folder = temporaryFolder()
  const script = join(folder, 'worker.mjs')
  writeFileSync(
    script,
    `import { writeFileSync } from 'node:fs'
     process.on('message', (job) => process.send({ id: job.id, value: null }))
     process.on('disconnect', () => writeFileSync(${JSON.stringify(join(folder, 'ended'))}, ''))`,
  )
  const worker = new MediaWorker({ workerUrl: pathToFileURL(script), idleMs: 10 })
  onTestFinished(() => worker.close())

  await worker.probe('one')
  await expect.poll(() => existsSync(join(folder, 'ended')), { timeout: 5000 }).toBe(true)

  await expect(worker.probe('two')).resolves.toBeNull()
})

test('the sandbox process prints its URL and exits with 0 on SIGTERM', async () => {
  const sandbox = start({ SANDBOX_PORT: '0' })

  const [output] = await once(sandbox.stdout, 'data')
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(String(output))?.[0]
  const answer = await fetch(`${url}/samples/portrait.png`)
  await answer.arrayBuffer()
  sandbox.kill('SIGTERM')
  const [code] = await once(sandbox, 'exit')

  expect(answer.status).toBe(200)
  expect(code).toBe(0)
})

test('a port in use is reported in one line', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address?.port : 0

  const sandbox = start({ SANDBOX_PORT: String(port) })
  let stderr = ''
  sandbox.stderr.on('data', (text) => {
    stderr += text
  })
  const [code] = await once(sandbox, 'close')

  expect(code).toBe(1)
  expect(stderr.trim().split('\n')).toEqual([
    `The sandbox cannot start: port ${port} is taken; set SANDBOX_PORT to another one`,
  ])
})

function start(environment: Record<string, string>) {
  const child = spawn(process.execPath, ['src/sandbox/main.ts'], {
    cwd: root,
    env: { ...process.env, DATA_DIR: temporaryFolder(), ...environment },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}
