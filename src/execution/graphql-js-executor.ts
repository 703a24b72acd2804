import { createSourceEventStream, type ExecutionArgs, type ExecutionResult, execute } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { type IdentityResult, tenantOf } from '../model/identity.ts'
import { createSharedEvents, type SharedEvents } from './shared-events.ts'

/**
 * Executes with graphql-js, as direct execution does, and not with the executor of Yoga. An event is executed once for all
 * subscribers of a tenant with the same subscription. List the plugin first.
 */
export function useGraphQLJs(): Plugin {
  const events = createSharedEvents()
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
    onSubscribe: ({ setSubscribeFn }) =>
      setSubscribeFn((args: ExecutionArgs) => subscribe(args, events)),
  }
}

async function subscribe(
  args: ExecutionArgs,
  events: SharedEvents,
): Promise<ExecutionResult | AsyncIterable<ExecutionResult>> {
  const stream = await createSourceEventStream(args)
  if (!isAsyncIterable(stream)) return stream as ExecutionResult
  const { identity } = args.contextValue as { identity: IdentityResult }
  const name = events.nameOf(tenantOf(identity), args)
  const iterator = stream[Symbol.asyncIterator]()
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const { done, value } = await iterator.next()
        if (done) return { done, value: undefined }
        const event = value as object
        return { done: false, value: await events.execute(name, event, args) }
      },
      async return() {
        await iterator.return?.()
        return { done: true, value: undefined }
      },
    }),
  }
}
