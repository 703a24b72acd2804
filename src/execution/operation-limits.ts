import {
  type DocumentNode,
  type ExecutionResult,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import { type Fragments, TooManySelections } from './collect-fields.ts'
import { countAliases, countDirectives, countRootFields } from './document-counts.ts'
import { type Cost, measureOperation } from './operation-cost.ts'

/** The limits of one operation. */
export interface OperationLimits {
  tokens: number
  /** Directives in a document, over all of its operations and fragments. */
  directives: number
  /** Levels of nested fields. */
  depth: number
  aliases: number
  /** Root fields of a mutation. Each of them may cost money. */
  mutations: number
  /** Points in the scale of schema/cost.ts. */
  complexity: number
}

/** The HTTP header, or key in the `extensions` of a request, that requests the cost in the response when it is 1. */
const COST_REQUEST = 'x-zerograph-cost'

/** Rejects an operation that exceeds a limit before it is executed, over HTTP and WebSocket. */
export function useLimits(limits: OperationLimits): Plugin {
  return {
    // Before validation, because the time of validation grows faster than the length of the document.
    onParse: ({ setParseFn }) =>
      setParseFn((source: string, options: object) => parseWithin(limits, source, options)),
    onExecute({ args, setResultAndStopExecution }) {
      const { errors, addCost } = checkLimits(limits, args)
      if (errors.length > 0) return setResultAndStopExecution(addCost({ errors }))
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(addCost(result))
        },
      }
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const { errors, addCost } = checkLimits(limits, args)
      if (errors.length > 0) return setResultAndStopExecution(addCost({ errors }))
      return {
        onSubscribeResult({ result, setResult }) {
          if (!isAsyncIterable(result)) return setResult(addCost(result))
          return { onNext: ({ result, setResult }) => setResult(addCost(result)) }
        },
      }
    },
  }
}

function parseWithin(limits: OperationLimits, source: string, options: object): DocumentNode {
  const document = parse(source, { ...options, maxTokens: limits.tokens })
  const directives = countDirectives(document)
  if (directives <= limits.directives) return document
  throw exceeded('directives', `${directives} directives`, limits.directives)
}

/** The part of the execution arguments that decides the cost. */
interface ExecutionInput {
  schema: GraphQLSchema
  document: DocumentNode
  operationName?: string | null | undefined
  // biome-ignore lint/suspicious/noExplicitAny: graphql-js declares the variables of a request as any.
  variableValues?: any
  contextValue: object
}

interface LimitCheck {
  /** One error for each exceeded limit. */
  errors: GraphQLError[]
  /** Adds the cost to a result when the request has requested it. */
  addCost<Result extends ExecutionResult>(result: Result): Result
}

/** Checks the limits only. The executor reports other errors, such as invalid variables. */
function checkLimits(limits: OperationLimits, args: ExecutionInput): LimitCheck {
  const operation = getOperationAST(args.document, args.operationName)
  if (!operation) return { errors: [], addCost: (result) => result }
  const fragments = fragmentsOf(args.document)
  const errors = countErrors(limits, operation, fragments)
  const measured = measure(limits, args, operation, fragments)
  if (measured instanceof GraphQLError) errors.push(measured)
  const cost = measured instanceof GraphQLError ? null : measured
  if (cost && cost.depth > limits.depth) {
    errors.push(exceeded('depth', `${cost.depth} levels`, limits.depth))
  }
  if (cost && cost.complexity > limits.complexity) {
    const points = `${cost.complexity} points of complexity`
    errors.push(exceeded('complexity', points, limits.complexity))
  }
  const addsCost = requestsCost(args.contextValue)
  return {
    errors,
    addCost: (result) => (cost && addsCost ? withCost(result, cost, limits) : result),
  }
}

function countErrors(
  limits: OperationLimits,
  { operation, selectionSet }: OperationDefinitionNode,
  fragments: Fragments,
): GraphQLError[] {
  const errors: GraphQLError[] = []
  const aliases = countAliases(selectionSet, fragments)
  if (aliases > limits.aliases)
    errors.push(exceeded('aliases', `${aliases} aliases`, limits.aliases))
  const mutations = operation === 'mutation' ? countRootFields(selectionSet, fragments) : 0
  if (mutations > limits.mutations) {
    errors.push(exceeded('mutations', `${mutations} mutations`, limits.mutations))
  }
  return errors
}

/** The cost, null when the variables cannot be coerced, or an error when the operation cannot be measured. */
function measure(
  limits: OperationLimits,
  { schema, variableValues, contextValue }: ExecutionInput,
  operation: OperationDefinitionNode,
  fragments: Fragments,
): Cost | null | GraphQLError {
  try {
    const variables = variableValues ?? {}
    return measureOperation({ schema, operation, fragments, variables, context: contextValue })
  } catch (error) {
    if (error instanceof TooManySelections) {
      return exceeded('complexity', 'more fields than can be counted', limits.complexity)
    }
    if (!(error instanceof GraphQLError)) throw error
    return new GraphQLError(error.message, {
      nodes: error.nodes ?? null,
      extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
    })
  }
}

/** Creates the error INVALID_INPUT that names the exceeded limit. `size` has a unit, e.g. `12 levels`. */
function exceeded(bound: string, size: string, limit: number): GraphQLError {
  return new GraphQLError(`The operation has ${size}; at most ${limit} are allowed (${bound}).`, {
    extensions: { code: 'INVALID_INPUT', retryable: false, bound, limit, http: { status: 400 } },
  })
}

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const definition of definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue
    fragments.set(definition.name.value, definition)
  }
  return fragments
}

/** The properties that Yoga adds to the context of an operation. Over a WebSocket there is no request. */
interface YogaContext {
  request?: Request
  params?: { extensions?: Record<string, unknown> | null }
}

function requestsCost({ request, params }: YogaContext): boolean {
  const value = params?.extensions?.[COST_REQUEST] ?? request?.headers.get(COST_REQUEST)
  return String(value) === '1'
}

function withCost<Result extends ExecutionResult>(
  result: Result,
  { complexity }: Cost,
  limits: OperationLimits,
): Result {
  const cost = { requested: complexity, limit: limits.complexity }
  return { ...result, extensions: { ...result.extensions, cost } }
}
