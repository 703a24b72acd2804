import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A service in a separate process, so that the measured code does not share an event loop with the callers. */
export interface Service extends AsyncDisposable {
  url: string
  pid: number
  /** Time from the start of the process to its first response. */
  startedInMs: number
}

const MAX_START_MS = 20_000
const MAX_STOP_MS = 5_000
const PAUSE_MS = 5

const running = new Set<ChildProcess>()
// No child process remains when this process ends.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Runs `node` with these arguments in the repository. Resolves when the process responds on `PORT`. */
export async function startService(
  args: string[],
  environment: Record<string, string> = {},
): Promise<Service> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const startedAt = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { PATH: process.env.PATH, LOG_LEVEL: 'warn', PORT: String(port), ...environment },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  while (!(await responds(url))) {
    if (!running.has(child)) throw new Error(`${args.join(' ')} ended before it responded.`)
    if (performance.now() - startedAt > MAX_START_MS) {
      throw new Error(`${args.join(' ')} did not respond within ${MAX_START_MS} ms.`)
    }
    await sleep(PAUSE_MS)
  }
  return {
    url,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - startedAt,
    async [Symbol.asyncDispose]() {
      if (!running.has(child)) return
      const killTimer = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS)
      child.kill()
      await once(child, 'exit')
      clearTimeout(killTimer)
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function responds(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/ready`)).text()
    return true
  } catch {
    return false
  }
}
