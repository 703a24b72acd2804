import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { relayStylePagination } from '@apollo/client/utilities'
import type { DocumentNode } from 'graphql'
import type { Client } from 'graphql-ws'
import { possibleTypes } from '../shared/gql/schema.ts'
import { endpoint, fetchWithToken, usesPersistedDocuments } from '../shared/session.ts'

/** An Apollo Client that runs subscriptions over the socket and everything else over HTTP. */
export function createApolloClient(socket: Client): ApolloClient {
  const transport = ApolloLink.split(
    ({ operationType }) => operationType === 'subscription',
    new GraphQLWsLink(socket),
    new HttpLink({ uri: endpoint.href, fetch: fetchWithToken }),
  )
  return new ApolloClient({
    link: usesPersistedDocuments ? ApolloLink.from([persisted, transport]) : transport,
    cache: createCache(),
  })
}

// #region cache
function createCache(): InMemoryCache {
  return new InMemoryCache({
    // Without these the cache drops what fragments on interfaces select, for example `... on Error { message }`.
    possibleTypes,
    // The id of an entity is a global id, so the default keys (type and id) are right.
    typePolicies: {
      Query: {
        fields: {
          // The arguments that make another list. Pages of one list are merged.
          assets: relayStylePagination(['status', 'type', 'statuses', 'search', 'orderBy']),
          videoTasks: relayStylePagination(['status', 'statuses', 'search', 'orderBy']),
        },
      },
    },
  })
}
// #endregion

// #region persisted
/** Sends the id that the code generator has computed for the document. */
const persisted = new PersistedQueryLink({
  generateHash: (document: DocumentNode & { __meta__?: { hash: string } }) =>
    document.__meta__?.hash ?? '',
})
// #endregion
