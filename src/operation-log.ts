import { type DocumentNode, GraphQLError, getOperationAST } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Arrival } from './context.ts'
import { failureBehind, isAbort } from './error-mapping.ts'

/** One line for each operation when it has answered; for a subscription one when it began and one when it ended. */
export function useOperationLog(log: Logger): Plugin<{ arrival: Arrival }> {
  return {
    onExecute({ args }) {
      const report = reporter(log, args)
      return { onExecuteDone: ({ result }) => report('operation', result) }
    },
    onSubscribe({ args }) {
      const report = reporter(log, args)
      return {
        onSubscribeResult({ result }) {
          report(isAsyncIterable(result) ? 'subscription began' : 'operation', result)
          return { onEnd: () => report('subscription ended') }
        },
      }
    },
  }
}

interface Operation {
  document: DocumentNode
  operationName?: string | null | undefined
  contextValue: { arrival: Arrival }
}

function reporter(log: Logger, { document, operationName, contextValue }: Operation) {
  const startedAt = performance.now()
  const operation = getOperationAST(document, operationName)
  return (message: string, result?: unknown) => {
    const errors = result && typeof result === 'object' && 'errors' in result ? result.errors : []
    log.info(
      {
        requestId: contextValue.arrival.requestId,
        type: operation?.operation,
        name: operation?.name?.value,
        durationMs: Math.round(performance.now() - startedAt),
        errors: Array.isArray(errors) ? errors.map(codeOf) : [],
      },
      message,
    )
  }
}

function codeOf(error: unknown): string {
  if (isAbort(error)) return 'ABORTED'
  const own = error instanceof GraphQLError ? error.extensions.code : undefined
  return failureBehind(error)?.code ?? (typeof own === 'string' ? own : 'INTERNAL')
}
