import type { ServerResponse } from 'node:http'
import type { HttpPlugins } from '../execution/graphql-handler.ts'
import type { Operations } from '../telemetry/operation-observer.ts'
import type { RefusedRequest } from '../telemetry/refused-request.ts'
import { useEventStreamIds } from './event-stream-ids.ts'
import { createSubscriptionResponses } from './open-responses.ts'
import { useRefusedRequests } from './refused-requests.ts'
import { useQueriesOnlyForGet } from './reject-get-subscriptions.ts'
import { useRequestParser } from './request-parser.ts'

/** Creates the plugins for GraphQL over HTTP, and the function that returns whether a response is a subscription. */
export function createHttpPlugins(
  operations: Operations,
  onRefused: (refused: RefusedRequest) => void,
): { plugins: HttpPlugins; isSubscription: (response: ServerResponse) => boolean } {
  const subscriptions = createSubscriptionResponses()
  const plugins = [
    subscriptions.plugin,
    useQueriesOnlyForGet(),
    useRequestParser(),
    useEventStreamIds(),
    useRefusedRequests(operations, onRefused),
  ] as HttpPlugins
  return { plugins, isSubscription: subscriptions.has }
}
