import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { planCpus } from './cpus.ts'

/** A server in a separate process. */
export interface Service extends AsyncDisposable {
  url: string
  port: number
  pid: number
  /** Time from the start of the process until it was ready. */
  startedInMs: number
}

const MAX_START_MS = 30_000
const MAX_STOP_MS = 10_000
const PAUSE_MS = 5

/** The CPUs of all processes of this run. */
export const cpuPlan = planCpus()

const running = new Set<ChildProcess>()
// No child process remains when this process ends.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

/**
 * Runs `node` with these arguments in the repository, on the CPU of the measured service or on the other ones. Resolves
 * when the process responds on `PORT`, and not with 503.
 */
export async function startService(
  args: string[],
  environment: Record<string, string> = {},
  place: 'service' | 'others' = 'service',
): Promise<Service> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const startedAt = performance.now()
  const child = startNode(args, { LOG_LEVEL: 'warn', PORT: String(port), ...environment }, place)
  while (!(await isReady(url))) {
    if (!running.has(child)) throw new Error(`${args.join(' ')} ended before it responded.`)
    if (performance.now() - startedAt > MAX_START_MS) {
      throw new Error(`${args.join(' ')} did not respond within ${MAX_START_MS} ms.`)
    }
    await sleep(PAUSE_MS)
  }
  return {
    url,
    port,
    pid: child.pid ?? 0,
    startedInMs: performance.now() - startedAt,
    [Symbol.asyncDispose]: () => stopNode(child),
  }
}

/** Starts `node` with an IPC channel. It is killed at the latest when this process ends. */
export function startNode(
  args: string[],
  environment: Record<string, string>,
  place: keyof NonNullable<typeof cpuPlan>,
): ChildProcess {
  // taskset replaces itself with node, so the process id is that of node.
  const pinned = cpuPlan ? ['taskset', '-c', cpuPlan[place]] : []
  const [command = '', ...rest] = [...pinned, process.execPath, ...args]
  const child = spawn(command, rest, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    env: { PATH: process.env.PATH, ...environment },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/** Stops a process of `startNode` and waits for its end. */
export async function stopNode(child: ChildProcess): Promise<void> {
  if (!running.has(child)) return
  const killTimer = setTimeout(() => child.kill('SIGKILL'), MAX_STOP_MS)
  const exited = once(child, 'exit')
  child.kill()
  await exited
  clearTimeout(killTimer)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/ready`)
    await response.text()
    return response.status !== 503
  } catch {
    return false
  }
}
