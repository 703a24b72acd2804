import { setTimeout as pause } from 'node:timers/promises'
import {
  type Client,
  createClient,
  type FormattedExecutionResult,
  type Sink,
  type SubscribePayload,
} from 'graphql-ws'
import { codeOf, cursorOf, endpoint, freshToken, retryDelayMs } from './session.ts'

// #region socket
/**
 * A WebSocket client for long-lived subscriptions. It connects again after every interruption, each time with a new
 * token. It calls `onGap` when changes may have been missed: the lists must then be read. `iterate` does not resume.
 */
export function createSocket(onGap: () => void): Client {
  let lastCursor: string | null = null
  const client = createClient({
    url: endpoint.href.replace('http', 'ws'),
    // Called for each connection. The service closes a socket with 4403 when its token expires.
    connectionParams: async () => ({ Authorization: `Bearer ${await freshToken()}` }),
    // By default the client stops when a connection is refused, and after 5 attempts.
    shouldRetry: () => true,
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: (attempt) => pause(retryDelayMs(attempt)),
    on: {
      connected: () => {
        if (lastCursor === null) onGap()
      },
    },
  })
  return { ...client, subscribe: resume }
  // #endregion

  // #region resume
  /**
   * As `client.subscribe`, but after an interruption `changes` continues after the last change that was received, and a
   * subscription whose token was refused is repeated once, over a new connection.
   */
  function resume<Data, Extensions>(
    payload: SubscribePayload,
    sink: Sink<FormattedExecutionResult<Data, Extensions>>,
    wasRefused = false,
  ): () => void {
    // The client sends this object again for each connection, with the value that `after` has then.
    const variables = { ...payload.variables }
    let problem: 'REFUSED' | 'TOO_OLD' | null = null
    let unsubscribe = client.subscribe<Data, Extensions>(
      { ...payload, variables },
      {
        next(result) {
          const code = codeOf(result.errors)
          if (code === 'UNAUTHENTICATED' && !wasRefused) problem = 'REFUSED'
          else if (code === 'INVALID_INPUT' && variables.after != null) problem = 'TOO_OLD'
          else sink.next(result)
          wasRefused = code === 'UNAUTHENTICATED'
          const cursor = cursorOf(result.data)
          if (cursor !== null) variables.after = lastCursor = cursor
        },
        error: (error) => sink.error(error),
        complete() {
          if (problem === null) return sink.complete()
          if (problem === 'REFUSED') client.terminate()
          if (problem === 'TOO_OLD') {
            variables.after = lastCursor = null
            onGap()
          }
          unsubscribe = resume({ ...payload, variables }, sink, wasRefused)
        },
      },
    )
    return () => unsubscribe()
  }
  // #endregion
}
