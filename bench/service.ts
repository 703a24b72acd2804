import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** A process of its own, so that what is measured shares its event loop with nothing. */
export interface Service extends AsyncDisposable {
  url: string
  pid: number
  /** From the start of the process to its first answer. */
  startedInMs: number
}

const MAX_START_MS = 20_000
const MAX_STOP_MS = 5_000
const PAUSE_MS = 5

const running = new Set<ChildProcess>()
// However this process ends, it leaves none behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/** Runs `node` with these arguments in the repository; resolves once what it runs answers on `PORT`. */
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
  while (!(await answers(url))) {
    if (!running.has(child)) throw new Error(`${args.join(' ')} has ended.`)
    if (performance.now() - startedAt > MAX_START_MS) {
      throw new Error(`${args.join(' ')} does not answer.`)
    }
    await sleep(PAUSE_MS)
  }
  return {
    url,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - startedAt,
    async [Symbol.asyncDispose]() {
      if (!running.has(child)) return
      const stubborn = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS)
      child.kill()
      await once(child, 'exit')
      clearTimeout(stubborn)
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

async function answers(url: string): Promise<boolean> {
  try {
    await (await fetch(`${url}/ready`)).text()
    return true
  } catch {
    return false
  }
}
