import {
  type FieldNode,
  type FragmentDefinitionNode,
  type FragmentSpreadNode,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getDirectiveValues,
  type getVariableValues,
  type InlineFragmentNode,
  isAbstractType,
  Kind,
  type NamedTypeNode,
  type SelectionNode,
  type SelectionSetNode,
  typeFromAST,
} from 'graphql'

/** The fragment definitions of a document by name. */
export type Fragments = ReadonlyMap<string, FragmentDefinitionNode>

/** Variables after coercion, as graphql-js returns them. */
export type VariableValues = NonNullable<ReturnType<typeof getVariableValues>['coerced']>

/** Several times the selections of a document of 2,000 tokens. Only nested fragments can lead to more. */
const MAX_SELECTIONS = 10_000

/** Thrown when an operation has more selections than are counted. */
export class TooManySelections extends Error {
  override readonly name = 'TooManySelections'
}

/**
 * Returns the fields that execution resolves for an object of `type`, by response name. Fields with the same response
 * name are merged (GraphQL specification, 6.3.2, CollectFields).
 */
export type CollectFields = (
  type: GraphQLObjectType,
  sets: readonly SelectionSetNode[],
) => Map<string, FieldNode[]>

/**
 * Creates the collector for one operation. It throws TooManySelections after MAX_SELECTIONS selections, counted over
 * all of its calls.
 */
export function createFieldCollector(
  schema: GraphQLSchema,
  fragments: Fragments,
  variables: VariableValues,
): CollectFields {
  let selections = 0

  return (type, sets) => {
    const fields = new Map<string, FieldNode[]>()
    const visitedFragments = new Set<string>()
    for (const set of sets) set.selections.forEach(add)
    return fields

    function add(selection: SelectionNode): void {
      selections += 1
      if (selections > MAX_SELECTIONS) throw new TooManySelections()
      if (!isIncluded(selection, variables)) return
      if (selection.kind === Kind.FIELD) {
        addField(fields, selection)
        return
      }
      const fragment = fragmentOf(selection)
      if (!fragment || !matchesCondition(schema, fragment.typeCondition, type)) return
      fragment.selectionSet.selections.forEach(add)
    }

    /** Undefined for a named fragment that does not exist or was visited before. */
    function fragmentOf(selection: InlineFragmentNode | FragmentSpreadNode) {
      if (selection.kind === Kind.INLINE_FRAGMENT) return selection
      const name = selection.name.value
      if (visitedFragments.has(name)) return undefined
      visitedFragments.add(name)
      return fragments.get(name)
    }
  }
}

function addField(fields: Map<string, FieldNode[]>, field: FieldNode): void {
  const responseName = (field.alias ?? field.name).value
  const nodes = fields.get(responseName)
  if (nodes) nodes.push(field)
  else fields.set(responseName, [field])
}

/** Evaluates @skip and @include. */
function isIncluded(node: SelectionNode, variables: VariableValues): boolean {
  if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if === true) return false
  return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if !== false
}

function matchesCondition(
  schema: GraphQLSchema,
  condition: NamedTypeNode | undefined,
  type: GraphQLObjectType,
): boolean {
  const conditionType = condition ? typeFromAST(schema, condition) : type
  if (conditionType === type) return true
  return isAbstractType(conditionType) && schema.isSubType(conditionType, type)
}
