import { execute, subscribe } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Executes with graphql-js, as direct execution does, and not with the executor of Yoga. List it first. */
export function useGraphQLJs(): Plugin {
  return {
    onExecute: ({ setExecuteFn }) => setExecuteFn(execute),
    onSubscribe: ({ setSubscribeFn }) => setSubscribeFn(subscribe),
  }
}
