import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  GraphQLIncludeDirective,
  type GraphQLObjectType,
  type GraphQLSchema,
  GraphQLSkipDirective,
  getArgumentValues,
  getDirectiveValues,
  getNamedType,
  getNullableType,
  getVariableValues,
  isAbstractType,
  isCompositeType,
  isIntrospectionType,
  isListType,
  Kind,
  type NamedTypeNode,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  typeFromAST,
} from 'graphql'
import { FIELD } from '../schema/cost.ts'
import { introspectionListSizes } from './introspection-list-sizes.ts'

export interface Measurable {
  schema: GraphQLSchema
  operation: OperationDefinitionNode
  fragments: Map<string, FragmentDefinitionNode>
  /** As they were sent. */
  variables: Record<string, unknown>
  /** Given to the functions that say what a field costs. */
  context: object
}

export interface Cost {
  /** Points, rounded up; the scale is that of schema/cost.ts. */
  complexity: number
  /** Levels of fields, those of introspection not counted. */
  depth: number
}

/** Several times what a document of 2,000 tokens leads to, unless its fragments are made to multiply. */
const MAX_SELECTIONS = 10_000

/** The fields of a document are too many to look at each of them. */
export class TooManySelections extends Error {
  override readonly name = 'TooManySelections'
}

/**
 * What the operation costs at most. Fields are merged, skipped and sized as they are when it is executed: the arguments
 * that size a list, and those of @skip and @include, have the values they will have then.
 *
 * Gives null when the variables cannot be coerced, so that nothing will be executed. Throws a GraphQLError when an
 * argument that decides the cost has no valid value or a variable has a reserved name, and TooManySelections.
 */
export function measureOperation(measurable: Measurable): Cost | null {
  const { schema, operation, variables } = measurable
  refuseReservedNames(operation)
  const { errors, variableValues } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    variables,
    { maxErrors: 1 },
  )
  const root = schema.getRootType(operation.operation)
  if (errors || !root) return null
  const measure = createMeasure(measurable, variableValues)
  const { complexity, depth } = measure(root, [operation.selectionSet], 1)
  // Tenths do not sum up exactly.
  return { complexity: Math.ceil(complexity - 1e-6), depth }
}

/** The executor loses a variable called `__proto__`, and would use another value than the one that was measured. */
function refuseReservedNames({ variableDefinitions = [] }: OperationDefinitionNode): void {
  for (const { variable } of variableDefinitions) {
    if (!variable.name.value.startsWith('__')) continue
    throw new GraphQLError(`The name of the variable "$${variable.name.value}" is reserved.`, {
      nodes: variable,
    })
  }
}

type VariableValues = NonNullable<ReturnType<typeof getVariableValues>['variableValues']>
type AnyField = GraphQLField<unknown, unknown>
/** What one field costs: `points` once, and what is selected in it for each of its `size` items. */
interface Weight {
  points: number
  /** Undefined for a field that does not say; a list then has the size its parent says. */
  size: number | undefined
}

function createMeasure(
  { schema, fragments, context }: Measurable,
  variables: VariableValues,
): (type: GraphQLCompositeType, sets: readonly SelectionSetNode[], listSize: number) => Cost {
  const listSizes = introspectionListSizes(schema)
  const measured = createMemo<Cost>()
  let selections = 0

  /** For an abstract type, the object that costs most; `listSize` is that of lists which do not say their own. */
  function measure(
    type: GraphQLCompositeType,
    sets: readonly SelectionSetNode[],
    listSize: number,
  ): Cost {
    const objects = isAbstractType(type) ? schema.getPossibleTypes(type) : [type]
    const costs = objects.map((object) =>
      measured([object, ...sets], () => measureObject(object, sets, listSize)),
    )
    return {
      complexity: Math.max(0, ...costs.map(({ complexity }) => complexity)),
      depth: Math.max(0, ...costs.map(({ depth }) => depth)),
    }
  }

  function measureObject(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
    listSize: number,
  ): Cost {
    const sum = { complexity: 0, depth: 0 }
    for (const nodes of collectFields(type, sets).values()) {
      const { complexity, depth } = measureField(type, nodes, listSize)
      sum.complexity += complexity
      sum.depth = Math.max(sum.depth, depth)
    }
    return sum
  }

  function measureField(type: GraphQLObjectType, nodes: FieldNode[], listSize: number): Cost {
    const [node] = nodes
    const field = node && fieldOf(type, node.name.value)
    if (!node || !field) return { complexity: 0, depth: 0 }
    const { points, size } = weightOf(type, field, node)
    const inner = getNamedType(field.type)
    const depth = isIntrospectionType(type) ? 0 : 1
    if (!isCompositeType(inner)) return { complexity: points, depth }
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    const isList = isListType(getNullableType(field.type))
    const items = measure(inner, sets, isList ? 1 : (size ?? 1))
    const times = isList ? Math.max(size ?? listSize, 1) : 1
    return { complexity: points + times * items.complexity, depth: depth + items.depth }
  }

  function weightOf(type: GraphQLObjectType, field: AnyField, node: FieldNode): Weight {
    const listSize = listSizes.get(`${type.name}.${field.name}`)
    const declared = field.extensions.complexity
    const value =
      typeof declared === 'function'
        ? declared(getArgumentValues(field, node, variables), context, field)
        : declared
    const { field: points = FIELD, multiplier: size = listSize } =
      typeof value === 'number' ? { field: value } : (value ?? {})
    return { points: Math.max(points, FIELD), size }
  }

  /** The fields that an object of this type answers, by their names in the answer (GraphQL specification, CollectFields). */
  function collectFields(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
  ): Map<string, FieldNode[]> {
    const fields = new Map<string, FieldNode[]>()
    const spread = new Set<string>()
    const add = (selection: SelectionNode): void => {
      selections += 1
      if (selections > MAX_SELECTIONS) throw new TooManySelections()
      if (!isIncluded(selection)) return
      if (selection.kind === Kind.FIELD) {
        const name = (selection.alias ?? selection.name).value
        const nodes = fields.get(name)
        if (nodes) nodes.push(selection)
        else fields.set(name, [selection])
      } else if (selection.kind === Kind.INLINE_FRAGMENT) {
        if (applies(selection.typeCondition, type)) selection.selectionSet.selections.forEach(add)
      } else {
        const fragment = fragments.get(selection.name.value)
        if (!fragment || spread.has(selection.name.value)) return
        if (!applies(fragment.typeCondition, type)) return
        spread.add(selection.name.value)
        fragment.selectionSet.selections.forEach(add)
      }
    }
    for (const { selections } of sets) selections.forEach(add)
    return fields
  }

  function isIncluded(node: SelectionNode): boolean {
    if (getDirectiveValues(GraphQLSkipDirective, node, variables)?.if === true) return false
    return getDirectiveValues(GraphQLIncludeDirective, node, variables)?.if !== false
  }

  function applies(condition: NamedTypeNode | undefined, type: GraphQLObjectType): boolean {
    const wanted = condition ? typeFromAST(schema, condition) : type
    return wanted === type || (isAbstractType(wanted) && schema.isSubType(wanted, type))
  }

  function fieldOf(type: GraphQLObjectType, name: string): AnyField | undefined {
    return META_FIELDS.get(name) ?? type.getFields()[name]
  }

  return measure
}

/**
 * Remembers a value by several things together: fragments lead to the same selections in many ways. The selection sets
 * belong to one field each, so they also tell the size of the list they are in.
 */
function createMemo<T>(): (names: readonly unknown[], make: () => T) => T {
  const ids = new Map<unknown, number>()
  const values = new Map<string, T>()
  const idOf = (name: unknown) => ids.get(name) ?? ids.set(name, ids.size).size - 1
  return (names, make) => {
    const key = names.map(idOf).join()
    const known = values.get(key)
    if (known !== undefined) return known
    const value = make()
    values.set(key, value)
    return value
  }
}

const META_FIELDS = new Map<string, AnyField>(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
)
