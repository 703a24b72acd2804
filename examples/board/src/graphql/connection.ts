import { createClient } from 'graphql-ws'
import type { SubscriptionOperation } from 'urql'
import { authorizationOf } from './authorization.ts'
import { createStore, type Store } from './store.ts'

/** The state of the connection, as the top bar shows it. Times are in milliseconds. */
export type ConnectionState =
  | { status: 'connecting' }
  | { status: 'live' }
  /** Lost at `since`; the next attempt is at `retryAt`. */
  | { status: 'waiting'; since: number; retryAt: number; isRestart: boolean }

/** The one WebSocket of the board. It reconnects for as long as the page is open. */
export interface Connection {
  state: Store<ConnectionState>
  /** Grows when changes may have been missed, so that the lists must be read again. */
  missed: Store<number>
  /** Grows with each change of a task. */
  taskChanges: Store<number>
  subscribe(operation: SubscriptionOperation): Subscribable
  /** Forgets the cursor of the last change, which the service does not keep any more. */
  startOver(): void
  /** Ends the wait before the next attempt. */
  retryNow(): void
  close(): void
}

interface Subscribable {
  subscribe(sink: Sink): { unsubscribe(): void }
}

interface Sink {
  next(value: object): void
  error(error: unknown): void
  complete(): void
}

/** What the connection reads of an event of `changes`. */
interface Change {
  cursor: string
  node?: { __typename?: string } | null
}

const FIRST_WAIT_MS = 500
const LONGEST_WAIT_MS = 15_000
/** Close codes of a service that stops: Going Away, Service Restart. */
const RESTARTING = [1001, 1012]

/** Opens the connection. It carries all subscriptions. */
export function createConnection(credential: string | null): Connection {
  const state = createStore<ConnectionState>({ status: 'connecting' })
  const missed = createStore(0)
  const taskChanges = createStore(0)
  /** The cursor of the last change that was received. */
  let cursor: string | null = null
  let endWait = () => {}
  let since: number | null = null
  let isRestart = false

  const socket = createClient({
    url: new URL('/graphql', location.href.replace(/^http/, 'ws')).href,
    connectionParams: authorizationOf(credential),
    lazy: false,
    retryAttempts: Number.POSITIVE_INFINITY,
    // By default a failed reconnect ends the client.
    shouldRetry: () => true,
    async retryWait(retries) {
      const waitMs = Math.min(FIRST_WAIT_MS * 2 ** retries, LONGEST_WAIT_MS)
      since ??= Date.now()
      state.set({ status: 'waiting', since, retryAt: Date.now() + waitMs, isRestart })
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, waitMs)
        endWait = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    },
    on: {
      connected() {
        since = null
        isRestart = false
        state.set({ status: 'live' })
        // Without a cursor, the subscription begins now, and the lists may be older.
        if (cursor === null) missed.set(missed.get() + 1)
      },
      closed(event) {
        isRestart ||= RESTARTING.includes((event as CloseEvent).code)
      },
    },
  })

  return {
    state,
    missed,
    taskChanges,
    subscribe: ({ query = '', variables = {} }) => ({
      subscribe: (sink) => ({
        unsubscribe: socket.subscribe<{ changes?: Change }>(
          {
            query,
            // Read at each connection: the subscription to `changes` goes on after the last cursor.
            get variables() {
              return 'after' in variables ? { ...variables, after: cursor } : variables
            },
          },
          {
            ...sink,
            next(result) {
              const change = result.data?.changes
              cursor = change?.cursor ?? cursor
              sink.next(result)
              if (change?.node?.__typename === 'VideoTask') taskChanges.set(taskChanges.get() + 1)
            },
          },
        ),
      }),
    }),
    startOver() {
      cursor = null
      missed.set(missed.get() + 1)
    },
    retryNow: () => endWait(),
    close: () => void socket.dispose(),
  }
}
