import { Client, fetchExchange, mapExchange, subscriptionExchange } from 'urql'
import { authorizationOf } from './authorization.ts'
import { createCache } from './cache.ts'
import type { Connection } from './connection.ts'
import { problemOfError } from './problem.ts'

interface ClientOptions {
  credential: string | null
  connection: Connection
  /** Called when the service or 0-0 refuses the credential. */
  onRefused(message: string): void
}

/** Creates the GraphQL client: queries and mutations over HTTP, subscriptions over the connection. */
export function createClient({ credential, connection, onRefused }: ClientOptions): Client {
  return new Client({
    url: '/graphql',
    preferGetMethod: false,
    fetchOptions: { headers: authorizationOf(credential) },
    exchanges: [
      mapExchange({
        onError(error) {
          const problem = problemOfError(error)
          if (problem.code === 'UNAUTHENTICATED') onRefused(problem.message)
        },
      }),
      createCache(),
      subscriptionExchange({ forwardSubscription: (operation) => connection.subscribe(operation) }),
      fetchExchange,
    ],
  })
}
