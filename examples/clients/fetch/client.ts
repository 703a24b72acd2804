import { setTimeout as pause } from 'node:timers/promises'
import { createClient, type RequestParams } from 'graphql-sse'
import {
  codeOf,
  cursorOf,
  endpoint,
  fetchWithToken,
  freshToken,
  type GraphQLErrors,
  retryDelayMs,
  usesPersistedDocuments,
} from '../shared/session.ts'
import type { TypedDocumentString } from './gql/graphql.ts'

// #region query
/** Runs a query or a mutation. Throws when the response has errors. */
export async function request<Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const response = await fetchWithToken(endpoint, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json' },
    body: JSON.stringify(paramsOf(document, variables)),
  })
  const { data, errors } = (await response.json()) as { data?: Data; errors?: GraphQLErrors }
  if (!data || errors) throw new Error(JSON.stringify(errors))
  return data
}
// #endregion

// #region persisted
/** Names the document by the id that the code generator has computed, or sends its text. */
function paramsOf<Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
): RequestParams {
  if (!usesPersistedDocuments) return { query: document.toString(), variables }
  const persistedQuery = { version: 1, sha256Hash: document.__meta__?.hash }
  return { query: '', variables, extensions: { persistedQuery } }
}
// #endregion

// #region stream
/**
 * The results of a subscription over an event stream. It connects again after every interruption and when its token has
 * expired, each time with a new token, and continues `changes` after the last change. It calls `onGap` when changes may
 * have been missed.
 */
export async function* subscribe<Data, Variables extends Record<string, unknown>>(
  document: TypedDocumentString<Data, Variables>,
  variables: Variables,
  onGap?: () => void,
): AsyncGenerator<Data> {
  let lastCursor: string | null = null
  const client = createClient({
    url: endpoint.href,
    // Called for each connection. The id of an event is the cursor of the change.
    headers: async () => ({
      authorization: `Bearer ${await freshToken()}`,
      ...(lastCursor !== null && { 'last-event-id': lastCursor }),
    }),
    retryAttempts: 100,
    retry: (attempt) => pause(retryDelayMs(attempt)),
    on: {
      connected: () => {
        if (lastCursor === null) onGap?.()
      },
    },
  })
  for (let wasRefused = false; ; ) {
    let code: string | null = null
    for await (const { data, errors } of client.iterate<Data>(paramsOf(document, variables))) {
      code = codeOf(errors)
      if (!data || code !== null) break
      wasRefused = false
      lastCursor = cursorOf(data) ?? lastCursor
      yield data
    }
    if (code === null) return
    if (code === 'UNAUTHENTICATED' && !wasRefused) wasRefused = true
    else if (code === 'INVALID_INPUT' && lastCursor !== null) lastCursor = null
    else throw new Error(code)
  }
}
// #endregion
