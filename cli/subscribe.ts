import { setTimeout as pause } from 'node:timers/promises'
import { type Client, createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { CliError, unreachable } from './cli-error.ts'
import { EXIT_CODE } from './exit-code.ts'
import type { Operation } from './operations.ts'
import { errorOfResponse, readResponse } from './response.ts'
import type { Settings } from './settings.ts'

/** Called when the connection or the service is lost, with the reason if there is one, and when it is there again. */
export type OnConnection = (state: 'lost' | 'restored', reason?: string) => void

const MAX_WAIT_MS = 5_000
const FIRST_WAIT_MS = 250
const PING_MS = 10_000
const PONG_TIMEOUT_MS = 5_000

/**
 * Subscribes over WebSocket and yields the results. Connects and subscribes again after a lost connection and after an
 * error that says it is retryable, for `settings.reconnectMs` milliseconds; then throws a CliError. After each
 * connection the service sends the current state again, so the caller must drop what it knows.
 */
export async function* subscribe<T>(
  settings: Settings,
  { document, result }: Operation<T>,
  variables: Record<string, unknown>,
  onConnection: OnConnection,
): AsyncGenerator<T> {
  const outage = createOutage(settings.reconnectMs, onConnection)
  const client = createWebSocketClient(settings, outage)
  try {
    for (let attempt = 0; ; attempt += 1) {
      try {
        for await (const response of client.iterate({ query: document, variables })) {
          const data = readResponse(response, result, settings.url)
          attempt = 0
          outage.end()
          yield data
        }
        return
      } catch (error) {
        const failure = toCliError(error, settings.url)
        const { retryable, code, retryAfterSeconds } = failure.details
        if (!retryable || code === 'UNREACHABLE' || !outage.goesOn(failure.message)) throw failure
        await pause(retryAfterSeconds ? retryAfterSeconds * 1_000 : waitMs(attempt))
      }
    }
  } finally {
    await client.dispose()
  }
}

/** The time without a connection. */
interface Outage {
  /** Returns whether to try again. Begins the outage when there is none. */
  goesOn(reason?: string): boolean
  end(): void
}

function createOutage(maxMs: number, onConnection: OnConnection): Outage {
  let since: number | null = null
  return {
    goesOn(reason) {
      if (since === null) {
        since = Date.now()
        onConnection('lost', reason)
      }
      return Date.now() - since < maxMs
    },
    end() {
      if (since === null) return
      since = null
      onConnection('restored')
    },
  }
}

function createWebSocketClient({ url, key }: Settings, outage: Outage): Client {
  const socketUrl = new URL(url)
  socketUrl.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  let pongTimer: NodeJS.Timeout | undefined
  const client = createClient({
    url: socketUrl.href,
    webSocketImpl: WebSocket,
    connectionParams() {
      const credential = key()
      return credential === null ? {} : { authorization: `Bearer ${credential}` }
    },
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: (retries) => pause(waitMs(retries)),
    // Without this the client gives up at the first attempt to reconnect that fails.
    shouldRetry: () => outage.goesOn(),
    keepAlive: PING_MS,
    on: {
      ping: (received) => {
        // A connection that does not answer is gone, even when no packet says so.
        if (!received) pongTimer = setTimeout(() => client.terminate(), PONG_TIMEOUT_MS)
      },
      pong: (received) => received && clearTimeout(pongTimer),
      closed: () => clearTimeout(pongTimer),
    },
  })
  return client
}

/** Milliseconds before the next attempt: exponential, with jitter so that many clients do not return at once. */
function waitMs(attempt: number): number {
  return (
    Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2)
  )
}

/** graphql-ws throws GraphQL errors as an array, a close event, or the error of the socket. */
function toCliError(error: unknown, url: URL): CliError {
  if (error instanceof CliError) return error
  const failure = errorOfResponse(error, url)
  if (failure) return failure
  if (!isCloseEvent(error)) return unreachable(url, error)
  return new CliError(`The service closed the connection: ${error.code} ${error.reason}`, {
    code: 'UNREACHABLE',
    exitCode: EXIT_CODE.unreachable,
  })
}

function isCloseEvent(error: unknown): error is { code: number; reason: string } {
  return typeof error === 'object' && error !== null && 'code' in error && 'reason' in error
}
