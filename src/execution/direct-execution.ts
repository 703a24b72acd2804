import { type ExecutionResult, execute, GraphQLError, getOperationAST } from 'graphql'
import type { GraphQLParams, MaskError } from 'graphql-yoga'
import { type RequestContext, tenantOf } from '../model/identity.ts'
import type { Services } from '../resolvers/context.ts'
import { schema } from '../schema/index.ts'
import type { Operations } from '../telemetry/operation-observer.ts'
import { createContext } from './create-context.ts'
import type { DocumentCache } from './document-cache.ts'
import { withResponseExtensions } from './error-mapping.ts'
import { isWithinLimits, type OperationLimits } from './operation-limits.ts'
import { admitDocument, type PersistedDocuments } from './persisted-documents.ts'
import { withReplayed } from './replayed.ts'

/** What direct execution needs. */
export interface DirectExecutionOptions {
  services: Services
  operations: Operations
  documents: DocumentCache
  limits: OperationLimits
  publicSchema: boolean
  persisted: PersistedDocuments | null
  maskError: MaskError
}

/**
 * Executes a query or a mutation without Yoga, which costs several times as much as the execution. It serves only what
 * needs no decision: a cached, hence valid, document within the limits, and valid variables. Returns null for everything
 * else, before anything is executed: Yoga then decides what the response is.
 */
export type ExecuteDirectly = (
  params: GraphQLParams,
  request: RequestContext & { traceparent: string | null },
) => Promise<ExecutionResult> | ExecutionResult | null

/** Creates the function for one handler. */
export function createDirectExecution(options: DirectExecutionOptions): ExecuteDirectly {
  const { services, operations, documents, limits, publicSchema, persisted, maskError } = options

  return (params, { traceparent, ...request }) => {
    const text = textOf(persisted, params)
    const document = text === null ? undefined : documents.get(text)
    if (document === undefined) return null
    const { operationName, variables: variableValues } = params
    const type = getOperationAST(document, operationName)?.operation
    if (type !== 'query' && type !== 'mutation') return null
    const contextValue = createContext(services, request)
    const args = { schema, document, operationName, variableValues, contextValue }
    if (!isWithinLimits(limits, args)) return null
    const { requestId, identity } = request
    const origin = {
      requestId,
      tenant: tenantOf(identity),
      transport: 'http',
      traceparent,
    } as const
    const running = operations.start(origin, document, operationName)
    const execution = running.run(() => execute({ ...args, hideSuggestions: !publicSchema }))
    // Without data nothing was executed, because the variables are invalid.
    if (!(execution instanceof Promise)) return 'data' in execution ? finish(execution) : null
    // A resolver cannot reject the execution, so this is an error of ours.
    return execution.then(finish, (error) =>
      finish({ errors: [new GraphQLError('', { originalError: error })] }),
    )

    function finish(result: ExecutionResult): ExecutionResult {
      running.addErrors(result.errors ?? [])
      running.end()
      return withReplayed(withPublicErrors(result, requestId), contextValue)
    }
  }

  function withPublicErrors(result: ExecutionResult, requestId: string): ExecutionResult {
    if (!result.errors) return result
    return { ...result, errors: result.errors.map((error) => toPublicError(error, requestId)) }
  }

  function toPublicError(error: GraphQLError, requestId: string): GraphQLError {
    const masked = maskError(error, 'Unexpected error.')
    if (!(masked instanceof GraphQLError)) return new GraphQLError(masked.message)
    return withResponseExtensions(masked, requestId)
  }
}

/** The text of the document, or null when the document is not admitted. */
function textOf(persisted: PersistedDocuments | null, params: GraphQLParams): string | null {
  try {
    return admitDocument(persisted, params).query || null
  } catch {
    return null
  }
}
