import { cacheExchange, type UpdatesConfig } from '@urql/exchange-graphcache'
import { relayPagination } from '@urql/exchange-graphcache/extras'
import type { DocumentNode } from 'graphql'
import type { Sink, Client as Socket } from 'graphql-ws'
import { Client, fetchExchange, mapExchange, subscriptionExchange } from 'urql'
import { introspection } from '../shared/gql/schema.ts'
import { endpoint, fetchWithToken, usesPersistedDocuments } from '../shared/session.ts'

/** An urql client that runs subscriptions over the socket and everything else over HTTP. */
export function createUrqlClient(socket: Socket, updates: UpdatesConfig): Client {
  return new Client({
    url: endpoint.href,
    fetch: fetchWithToken,
    preferGetMethod: false,
    exchanges: [
      createCache(updates),
      ...(usesPersistedDocuments ? [persisted] : []),
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables = {}, extensions = {} }) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ query, variables, extensions }, sink as Sink),
          }),
        }),
      }),
    ],
  })
}

// #region cache
function createCache(updates: UpdatesConfig) {
  return cacheExchange({
    // With the schema the cache resolves fragments on interfaces, and knows which fields may be null.
    schema: introspection,
    keys: keysOf(introspection.__schema.types),
    resolvers: { Query: { assets: relayPagination(), videoTasks: relayPagination() } },
    updates,
  })
}

/** Types with a global id have the default key. The others have none and are stored with the entity they belong to. */
function keysOf(types: typeof introspection.__schema.types) {
  const withoutId = types.filter(
    (type) => type.kind === 'OBJECT' && !type.fields.some(({ name }) => name === 'id'),
  )
  return Object.fromEntries(withoutId.map(({ name }) => [name, () => null]))
}
// #endregion

// #region persisted
/**
 * Sends the id that the code generator has computed for the document. It comes after the cache, which does not pass on
 * `extensions`.
 */
const persisted = mapExchange({
  onOperation: (operation) => {
    const { __meta__ } = operation.query as DocumentNode & { __meta__?: { hash: string } }
    if (!__meta__) return operation
    const persistedQuery = { version: 1 as const, sha256Hash: __meta__.hash }
    return { ...operation, extensions: { ...operation.extensions, persistedQuery } }
  },
})
// #endregion
