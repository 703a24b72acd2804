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
import { countAliases, countDirectives, countRootFields } from './document-counts.ts'
import { type Cost, measureOperation, TooManySelections } from './operation-cost.ts'

/** The most one operation may ask for. */
export interface OperationLimits {
  tokens: number
  /** In a document, over all of its operations and fragments. */
  directives: number
  depth: number
  aliases: number
  /** Fields at the top of a mutation, each of which may cost money. */
  mutations: number
  /** Points that an operation may cost; schema/cost.ts says what costs how many. */
  complexity: number
}

/** With the value 1, as an HTTP header or in the `extensions` of a request, asks for the cost in the answer. */
export const COST_REQUEST = 'x-zerograph-cost'

/** Refuses what asks for too much, before it is executed, over HTTP and WebSocket alike. */
export function useLimits(limits: OperationLimits): Plugin {
  return {
    // Before validation, whose time grows faster than the length of the document.
    onParse: ({ setParseFn }) =>
      setParseFn((source: string, options: object) => parseWithin(limits, source, options)),
    onExecute({ args, setResultAndStopExecution }) {
      const { errors, addCost } = examine(limits, args)
      if (errors.length > 0) return setResultAndStopExecution(addCost({ errors }))
      return {
        onExecuteDone({ result, setResult }) {
          if (!isAsyncIterable(result)) setResult(addCost(result))
        },
      }
    },
    onSubscribe({ args, setResultAndStopExecution }) {
      const { errors, addCost } = examine(limits, args)
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

interface Operation {
  schema: GraphQLSchema
  document: DocumentNode
  operationName?: string | null | undefined
  // biome-ignore lint/suspicious/noExplicitAny: as graphql-js declares the variables of a request.
  variableValues?: any
  contextValue: object
}

interface Examination {
  /** One for each bound that is exceeded. */
  errors: GraphQLError[]
  /** Adds the cost to an answer when the request asks for it. */
  addCost<Answer extends ExecutionResult>(answer: Answer): Answer
}

/** What is wrong with the operation otherwise, such as its variables, is left to those who execute it. */
function examine(limits: OperationLimits, args: Operation): Examination {
  const operation = getOperationAST(args.document, args.operationName)
  if (!operation) return { errors: [], addCost: (answer) => answer }
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
  const isAsked = asksForCost(args.contextValue)
  return {
    errors,
    addCost: (answer) => (cost && isAsked ? withCost(answer, cost, limits) : answer),
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

/** The cost; null when the variables cannot be coerced, and so nothing will be executed; an error when it is not known. */
function measure(
  limits: OperationLimits,
  { schema, variableValues, contextValue }: Operation,
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

/** An error that names the bound that was exceeded. */
export function exceeded(bound: string, size: string, limit: number): GraphQLError {
  return new GraphQLError(`The operation has ${size}; at most ${limit} are allowed (${bound}).`, {
    extensions: { code: 'INVALID_INPUT', retryable: false, bound, limit, http: { status: 400 } },
  })
}

type Fragments = Map<string, FragmentDefinitionNode>

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  const fragments: Fragments = new Map()
  for (const definition of definitions) {
    if (definition.kind !== Kind.FRAGMENT_DEFINITION) continue
    fragments.set(definition.name.value, definition)
  }
  return fragments
}

/** What Yoga puts into the context of an operation; over a WebSocket there is no request. */
interface RequestContext {
  request?: Request
  params?: { extensions?: Record<string, unknown> | null }
}

function asksForCost({ request, params }: RequestContext): boolean {
  const asked = params?.extensions?.[COST_REQUEST] ?? request?.headers.get(COST_REQUEST)
  return String(asked) === '1'
}

function withCost<Answer extends ExecutionResult>(
  answer: Answer,
  { complexity }: Cost,
  limits: OperationLimits,
): Answer {
  const cost = { requested: complexity, limit: limits.complexity }
  return { ...answer, extensions: { ...answer.extensions, cost } }
}
