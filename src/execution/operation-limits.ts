import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionSetNode,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** The most one operation may ask for. */
export interface OperationLimits {
  tokens: number
  depth: number
  aliases: number
  /** Fields at the top of a mutation, each of which may cost money. */
  mutations: number
  /** Fields, those that call 0-0 counted five times, times the sizes of the lists they are in. */
  complexity: number
}

/** Refuses what asks for too much, before it is executed, over whatever it came. */
export function useLimits(limits: OperationLimits): Plugin {
  const check = ({ args, setResultAndStopExecution }: Hook) => {
    const errors = excesses(limits, args)
    if (errors.length > 0) setResultAndStopExecution({ errors })
  }
  return {
    // Before anything else looks at the document: what validation costs grows faster than its length.
    onParse: ({ setParseFn }) =>
      setParseFn((source: string, options: object) =>
        parse(source, { ...options, maxTokens: limits.tokens }),
      ),
    onExecute: check,
    onSubscribe: check,
  }
}

interface Hook {
  args: Operation
  setResultAndStopExecution(result: { errors: GraphQLError[] }): void
}

interface Operation {
  schema: GraphQLSchema
  document: DocumentNode
  operationName?: string | null | undefined
  // biome-ignore lint/suspicious/noExplicitAny: as graphql-js declares the variables of a request.
  variableValues?: any
  contextValue: object
}

/** Every bound an operation exceeds; what is wrong with it otherwise is left to those who execute it. */
function excesses(limits: OperationLimits, args: Operation): GraphQLError[] {
  const operation = getOperationAST(args.document, args.operationName)
  if (!operation) return []
  const fragments = fragmentsOf(args.document)
  const sizes: [keyof OperationLimits, string, number][] = [
    ['aliases', 'aliases', countAliases(operation.selectionSet, fragments)],
  ]
  if (operation.operation === 'mutation') {
    sizes.push(['mutations', 'mutations', countFields(operation.selectionSet, fragments)])
  }
  const { complexity, depth } = weigh(args, operation, fragments)
  sizes.push(['depth', 'levels', depth], ['complexity', 'points of complexity', complexity])
  return sizes
    .filter(([bound, , size]) => size > limits[bound])
    .map(([bound, unit, size]) => exceeded(bound, `${size} ${unit}`, limits[bound]))
}

/** An error that names the bound that was exceeded. */
export function exceeded(bound: string, size: string, limit: number): GraphQLError {
  return new GraphQLError(`The operation has ${size}; at most ${limit} are allowed (${bound}).`, {
    extensions: { code: 'INVALID_INPUT', retryable: false, bound, limit, http: { status: 400 } },
  })
}

type Fragments = Record<string, FragmentDefinitionNode>

function fragmentsOf({ definitions }: DocumentNode): Fragments {
  const fragments: Fragments = {}
  for (const definition of definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition
  }
  return fragments
}

function weigh(
  { schema, variableValues, contextValue }: Operation,
  operation: OperationDefinitionNode,
  fragments: Fragments,
): { complexity: number; depth: number } {
  const document: DocumentNode = {
    kind: Kind.DOCUMENT,
    definitions: [operation, ...Object.values(fragments)],
  }
  try {
    const variables = variableValues ?? {}
    return complexityFromQuery(document, { schema, ctx: contextValue, variables })
  } catch {
    // Variables that do not fit: execution says so, better.
    return { complexity: 0, depth: 0 }
  }
}

/** Counts each use of a fragment anew, and each fragment's own aliases only once. Validation has refused cycles. */
function countAliases(root: SelectionSetNode, fragments: Fragments): number {
  const known = new Map<SelectionSetNode, number>()
  const count = (set: SelectionSetNode): number => {
    const before = known.get(set)
    if (before !== undefined) return before
    let aliases = 0
    for (const selection of set.selections) {
      if (selection.kind === Kind.FIELD) {
        aliases += selection.alias ? 1 : 0
        aliases += selection.selectionSet ? count(selection.selectionSet) : 0
      } else {
        aliases += count(setOf(selection, fragments))
      }
    }
    known.set(set, aliases)
    return aliases
  }
  return count(root)
}

/** The fields of one level, through fragments, each of which is looked at once. */
function countFields(root: SelectionSetNode, fragments: Fragments): number {
  const known = new Map<SelectionSetNode, number>()
  const count = (set: SelectionSetNode): number => {
    let fields = known.get(set)
    if (fields !== undefined) return fields
    fields = 0
    for (const selection of set.selections) {
      fields += selection.kind === Kind.FIELD ? 1 : count(setOf(selection, fragments))
    }
    known.set(set, fields)
    return fields
  }
  return count(root)
}

const NOTHING: SelectionSetNode = { kind: Kind.SELECTION_SET, selections: [] }

function setOf(
  selection: Exclude<SelectionSetNode['selections'][number], { kind: typeof Kind.FIELD }>,
  fragments: Fragments,
): SelectionSetNode {
  if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet
  return fragments[selection.name.value]?.selectionSet ?? NOTHING
}
