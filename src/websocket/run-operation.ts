import {
  type DocumentNode,
  type ExecutionResult,
  type FormattedExecutionResult,
  GraphQLError,
  getOperationAST,
} from 'graphql'
import type { SubscribePayload } from 'graphql-ws'
import { createGraphQLError, type GraphQLParams, isAsyncIterable } from 'graphql-yoga'
import { formatError, withCode } from '../execution/error-mapping.ts'
import type { GraphQLHandler } from '../execution/graphql-handler.ts'
import type { RequestContext } from '../model/identity.ts'

/** Options of `runOperation`: one operation of a client. */
export interface OperationOptions {
  request: RequestContext
  params: SubscribePayload
  /** Sends one message. Resolves when it has been written to the socket. Not called after `error` or `complete`. */
  send(message: OperationMessage): Promise<void>
  /** Called before a subscription starts, because it may never end. */
  onStream(): void
}

/** One message for an operation, without its id. */
export type OperationMessage =
  | { type: 'next'; payload: FormattedExecutionResult }
  | { type: 'error'; payload: readonly object[] }
  | { type: 'complete' }

/**
 * Runs one operation with the same steps as over HTTP. Requests the next result when the previous one has been sent.
 * Does not execute an operation whose signal aborts before execution. Resolves when the operation has ended. Does not
 * reject: every error is masked if necessary and sent as an `error` message.
 */
export async function runOperation(
  graphql: GraphQLHandler,
  { request, params, send, onStream }: OperationOptions,
): Promise<void> {
  const format = (error: Error) => formatError(error, request.requestId)
  try {
    const prepared = await prepare(graphql, request, params)
    if (prepared.errors) return await fail(prepared.errors)
    if (request.signal.aborted) return
    if (prepared.isSubscription) onStream()
    await answer(prepared.start)
  } catch (error) {
    await fail([error])
  }

  async function answer(start: () => Result | Promise<Result>): Promise<void> {
    const result = await start()
    if (isAsyncIterable(result)) await forward(result, request.signal, next)
    else await next(result)
    await send({ type: 'complete' })
  }

  function next(result: ExecutionResult): Promise<void> {
    const { errors } = result
    // A result without errors is passed on as it is: subscribers that share it share its JSON.
    const payload = errors ? { ...result, errors: errors.map(format) } : result
    return send({ type: 'next', payload: payload as FormattedExecutionResult })
  }

  function fail(errors: readonly unknown[]): Promise<void> {
    const masked = errors.map((error) => graphql.maskError(error, 'Unexpected error.'))
    return send({ type: 'error', payload: masked.map(format) })
  }
}

type Result = ExecutionResult | AsyncIterable<ExecutionResult>

type Prepared =
  | { errors: readonly GraphQLError[] }
  | { errors?: never; isSubscription: boolean; start(): Result | Promise<Result> }

/** Parses and validates the document and creates the context. */
async function prepare(
  { yoga, admit }: GraphQLHandler,
  request: RequestContext,
  sent: SubscribePayload,
): Promise<Prepared> {
  const params = admit(sent as GraphQLParams, request.requestId)
  const { schema, parse, validate, contextFactory, execute, subscribe } = yoga.getEnveloped({
    ...request,
    params,
  } as never)
  const { operationName, variables: variableValues } = params

  let document: DocumentNode
  try {
    document = parse(params.query ?? '')
  } catch (error) {
    if (error instanceof GraphQLError) return { errors: [withCode(error, 'GRAPHQL_PARSE_FAILED')] }
    throw error
  }
  const errors = validate(schema, document) as GraphQLError[]
  if (errors.length > 0) {
    return { errors: errors.map((error) => withCode(error, 'GRAPHQL_VALIDATION_FAILED')) }
  }

  const operation = getOperationAST(document, operationName)
  if (!operation) return { errors: [UNRESOLVED] }

  const contextValue = await contextFactory()
  const args = { schema, document, operationName, variableValues, contextValue }
  const isSubscription = operation.operation === 'subscription'
  return { isSubscription, start: () => (isSubscription ? subscribe(args) : execute(args)) }
}

/** The same message as that of Yoga over HTTP. */
const UNRESOLVED = createGraphQLError('Could not determine what operation to execute.', {
  extensions: { code: 'OPERATION_RESOLUTION_FAILURE' },
})

/** Calls `next` with one result at a time, until the stream ends or the signal aborts. */
async function forward(
  results: AsyncIterable<ExecutionResult>,
  signal: AbortSignal,
  next: (result: ExecutionResult) => Promise<void>,
): Promise<void> {
  const iterator = results[Symbol.asyncIterator]()
  // `for await` would call `return` only after the next result, which may never arrive.
  const stop = () => void iterator.return?.().catch(() => {})
  signal.addEventListener('abort', stop, { once: true })
  try {
    while (!signal.aborted) {
      const { done, value } = await iterator.next()
      if (done) return
      await next(value)
    }
  } finally {
    signal.removeEventListener('abort', stop)
    stop()
  }
}
