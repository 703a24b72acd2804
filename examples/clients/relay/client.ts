import type { Client } from 'graphql-ws'
import {
  type ConcreteRequest,
  commitMutation,
  createOperationDescriptor,
  Environment,
  type GraphQLResponse,
  type MutationParameters,
  Network,
  Observable,
  type OperationType,
  RecordSource,
  type RequestParameters,
  requestSubscription,
  Store,
} from 'relay-runtime'
import { endpoint, fetchWithToken, usesPersistedDocuments } from '../shared/session.ts'

// #region network
/** A Relay environment that runs subscriptions over the socket and everything else over HTTP. */
export function createEnvironment(socket: Client): Environment {
  return new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(
      async (operation, variables): Promise<GraphQLResponse> => {
        const response = await fetchWithToken(endpoint, {
          method: 'POST',
          headers: { accept: 'application/json', 'content-type': 'application/json' },
          body: JSON.stringify({ ...nameOrText(operation), variables }),
        })
        return await response.json()
      },
      (operation, variables) =>
        Observable.create((sink) =>
          socket.subscribe(
            { ...nameOrText(operation), variables },
            {
              next: (result) => sink.next(result as GraphQLResponse),
              error: (error) => sink.error(new Error('The subscription failed.', { cause: error })),
              complete: () => sink.complete(),
            },
          ),
        ),
    ),
  })
}
// #endregion

// #region persisted
/** Names the operation by the id that the compiler has computed (`persistConfig`), or sends its text. */
function nameOrText({ id, text }: RequestParameters) {
  if (!usesPersistedDocuments) return { query: text ?? '' }
  return { query: '', extensions: { persistedQuery: { version: 1, sha256Hash: id } } }
}
// #endregion

// #region promises
/** Runs a mutation. React has `useMutation` for this. */
export function mutate<Mutation extends MutationParameters>(
  environment: Environment,
  mutation: ConcreteRequest,
  variables: Mutation['variables'],
): Promise<Mutation['response']> {
  return new Promise((onCompleted, onError) => {
    commitMutation<Mutation>(environment, { mutation, variables, onCompleted, onError })
  })
}

/** Runs a subscription. Resolves when it has ended. React has `useSubscription` for this. */
export function follow<Subscription extends OperationType>(
  environment: Environment,
  subscription: ConcreteRequest,
  variables: Subscription['variables'],
  onData: (data: Subscription['response']) => void,
): Promise<void> {
  return new Promise((onCompleted, onError) => {
    requestSubscription<Subscription>(environment, {
      subscription,
      variables,
      onNext: (data) => data && onData(data),
      onCompleted,
      onError,
    })
  })
}

/** The data of a query as the store has it, without a request. */
export function lookup<Query extends OperationType>(
  environment: Environment,
  query: ConcreteRequest,
  variables: Query['variables'],
) {
  const { fragment } = createOperationDescriptor(query, variables)
  return environment.lookup(fragment).data as Query['response']
}
// #endregion
