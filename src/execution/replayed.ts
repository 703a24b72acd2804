import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Context } from '../resolvers/context.ts'

/**
 * Adds `extensions.replayed` to the result of an operation in which an idempotency key gave the outcome of an earlier
 * call. Returns any other result unchanged.
 */
export function withReplayed(result: ExecutionResult, { report }: Context): ExecutionResult {
  if (!report.isReplayed) return result
  return { ...result, extensions: { ...result.extensions, replayed: true } }
}

/** Applies `withReplayed` to the queries and mutations of HTTP and WebSocket. */
export function useReplayed(): Plugin<Context> {
  return {
    onExecute: ({ args }) => ({
      onExecuteDone({ result, setResult }) {
        if (!isAsyncIterable(result)) setResult(withReplayed(result, args.contextValue))
      },
    }),
  }
}
