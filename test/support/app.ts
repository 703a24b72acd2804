import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionResult } from 'graphql'
import { type Client, createClient } from 'graphql-ws'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import WebSocket from 'ws'
import { startApp as start } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { engineSettings } from './engine.ts'

// biome-ignore lint/suspicious/noExplicitAny: tests assert on the shape of each result.
export type Data = Record<string, any>
type Result = ExecutionResult<Data>

export interface TestApp {
  url: string
  /** Null when UPSTREAM_URL is set. */
  sandboxUrl: string | null
  dataDir: string
  /** The log entries. */
  log: Data[]
  /** Sends an operation over HTTP. `key` is the bearer key; null sends none. */
  query(query: string, variables?: Data, key?: string | null): Promise<Result>
  /** Subscribes over a new WebSocket. */
  subscribe(query: string, variables?: Data, key?: string | null): Subscriber
  /** The number of change listeners, one per subscription and entity. */
  listeners(): number
  stop(): Promise<void>
}

export interface Subscriber {
  /** The next result. Throws when the subscription has ended. */
  next(): Promise<Result>
  /** Waits until the subscription ends. Returns the remaining results. */
  rest(): Promise<Result[]>
  leave(): void
  client: Client
}

export const KEY = 'sk-test'

/** Starts the service as `npm start` does, on a free port, with short poll intervals. It stops with the test. */
export async function startApp(
  environment: Record<string, string> = {},
  options: Parameters<typeof start>[2] = {},
): Promise<TestApp> {
  const dataDir = environment.DATA_DIR ?? temporaryFolder()
  const config = readConfig({
    PORT: '0',
    SANDBOX_PORT: '0',
    ASSET_POLL_MIN_MS: '20',
    ASSET_POLL_MAX_MS: '50',
    TASK_POLL_MIN_MS: '20',
    TASK_POLL_MAX_MS: '50',
    POLL_MAX_RPS: '1000',
    LOG_LEVEL: 'trace',
    ...(await engineSettings(dataDir)),
    ...environment,
    DATA_DIR: dataDir,
  })
  const log: Data[] = []
  const app = await start(
    config,
    pino({ level: config.logLevel }, { write: (line) => log.push(JSON.parse(line)) }),
    options,
  )
  const stop = app.stop
  onTestFinished(stop)
  return {
    url: app.url,
    sandboxUrl: app.sandboxUrl,
    dataDir,
    log,
    query: (query, variables, key) => ask(app.url, query, variables, key),
    subscribe: (query, variables, key) => subscribe(app.url, query, variables, key),
    listeners: app.listeners,
    stop,
  }
}

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'zerograph-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Resolves when `condition` is true. Throws after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 5_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Not so within ${timeoutMs} ms: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** Sends an operation to the service at `url` over HTTP. */
export async function ask(
  url: string,
  query: string,
  variables?: Data,
  key: string | null = KEY,
): Promise<Result> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
    },
    body: JSON.stringify({ query, variables }),
  })
  return (await response.json()) as Result
}

/** Subscribes to the service at `url` over a new WebSocket. */
export function subscribe(
  url: string,
  query: string,
  variables?: Data,
  key: string | null = KEY,
): Subscriber {
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    connectionParams: key === null ? {} : { Authorization: `Bearer ${key}` },
  })
  onTestFinished(async () => client.dispose())
  const results = client.iterate<Data>({ query, ...(variables ? { variables } : {}) })
  return {
    client,
    async next() {
      const { done, value } = await results.next()
      if (done) throw new Error('The subscription has ended.')
      return value as Result
    },
    async rest() {
      const rest: Result[] = []
      for await (const result of results) rest.push(result as Result)
      return rest
    },
    leave: () => void results.return?.(),
  }
}
