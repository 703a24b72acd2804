import { GraphQLError } from 'graphql'
import type { Plugin, YogaInitialContext } from 'graphql-yoga'

/** Rejects subscriptions over GET with status 405. Yoga rejects mutations over GET. */
export function useQueriesOnlyForGet(): Plugin<Partial<YogaInitialContext>> {
  return {
    onSubscribe({ args, setResultAndStopExecution }) {
      if (args.contextValue.request?.method !== 'GET') return
      const error = new GraphQLError('GET is for queries: subscribe by POST or over a WebSocket.', {
        extensions: { code: 'BAD_REQUEST', http: { status: 405, headers: { allow: 'POST' } } },
      })
      setResultAndStopExecution({ errors: [error] })
    },
  }
}
