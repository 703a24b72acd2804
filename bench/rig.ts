import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startPostgres } from '../test/support/postgres.ts'
import { type CountingUpstream, startCountingUpstream } from './counting-upstream.ts'

/** A GraphQL response. */
// biome-ignore lint/suspicious/noExplicitAny: the shape of a response depends on its query.
export type Answer = any

export const AUTHORIZATION = 'Bearer sk-soak'

/** Replicas of the service with one PostgreSQL and one upstream. Each of them can be made to fail. */
export interface Rig {
  ports: number[]
  upstream: CountingUpstream
  /** Starts a replica and waits until it is ready. */
  start(port: number): Promise<void>
  signal(port: number, signal: NodeJS.Signals): void
  /** Stops a replica with this signal and starts it again. */
  restart(port: number, signal: NodeJS.Signals): Promise<void>
  haltDatabase(): Promise<void>
  startDatabase(): Promise<void>
  /** Sends an operation to a replica. Null or undefined when there is no response within ten seconds. */
  ask(port: number, operation: object, signal?: AbortSignal): Promise<Answer>
  /** Kills the replicas, and stops the database and the upstream. */
  end(): Promise<void>
}

/** Gap between two polls of a task, in milliseconds. */
export const GAP_MS = 500

export async function startRig(ports: number[]): Promise<Rig> {
  const dataDir = mkdtempSync(join(tmpdir(), 'zerograph-rig-'))
  const upstream = await startCountingUpstream()
  const postgres = await startPostgres()
  const settings = {
    PATH: process.env.PATH,
    UPSTREAM_URL: upstream.url,
    DATABASE_URL: postgres.url,
    SECRET_KEY: randomBytes(32).toString('base64'),
    DATA_DIR: dataDir,
    TASK_POLL_MIN_MS: String(GAP_MS),
    TASK_POLL_MAX_MS: String(GAP_MS),
    POLL_MAX_RPS: '1000',
    UPSTREAM_GET_TIMEOUT_MS: '2000',
    UPSTREAM_POST_TIMEOUT_MS: '5000',
    LOG_LEVEL: 'silent',
  }
  const replicas = new Map<number, ChildProcess>()

  const rig: Rig = {
    ports,
    upstream,
    async start(port) {
      const child = spawn(process.execPath, ['src/main.ts'], {
        env: { ...settings, PORT: String(port) },
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      replicas.set(port, child)
      while (!(await isReady(port))) await pause(50)
    },
    signal: (port, signal) => void replicas.get(port)?.kill(signal),
    async restart(port, signal) {
      const child = replicas.get(port)
      const exited = child && once(child, 'exit')
      child?.kill(signal)
      await exited
      await rig.start(port)
    },
    haltDatabase: postgres.halt,
    startDatabase: postgres.start,
    async ask(port, operation, signal) {
      const timeout = AbortSignal.timeout(10_000)
      const response = await fetch(`http://127.0.0.1:${port}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: AUTHORIZATION },
        body: JSON.stringify(operation),
        signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      }).catch(() => null)
      return response?.json().catch(() => null)
    },
    async end() {
      for (const child of replicas.values()) child.kill('SIGKILL')
      await postgres.stop()
      upstream.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
  for (const port of ports) await rig.start(port)
  return rig
}

async function isReady(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/ready`).catch(() => null)
  return response?.ok ?? false
}
