import {
  type FieldNode,
  type GraphQLCompositeType,
  GraphQLError,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLSchema,
  getArgumentValues,
  getNamedType,
  getNullableType,
  getVariableValues,
  isAbstractType,
  isCompositeType,
  isIntrospectionType,
  isListType,
  type OperationDefinitionNode,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql'
import { FIELD } from '../schema/cost.ts'
import {
  type CollectFields,
  createFieldCollector,
  type Fragments,
  type VariableValues,
} from './collect-fields.ts'
import { introspectionListSizes } from './introspection-list-sizes.ts'

interface MeasureOptions {
  schema: GraphQLSchema
  operation: OperationDefinitionNode
  fragments: Fragments
  /** Before coercion. */
  variables: Record<string, unknown>
  /** Passed to the complexity functions of the schema. */
  context: object
}

/** The cost of an operation or of a part of it. */
export interface Cost {
  /** Points in the scale of schema/cost.ts; rounded up for a whole operation. */
  complexity: number
  /** Levels of nested fields. Fields of introspection types do not count. */
  depth: number
}

/**
 * Computes the maximum cost of the operation. Fields are merged, and @skip, @include and list sizes are evaluated, with
 * the coerced variables, as the executor does.
 *
 * Returns null when the variables cannot be coerced: the executor then executes nothing and reports the error. Throws a
 * GraphQLError when an argument of a complexity function is invalid or the name of a variable is reserved, and
 * TooManySelections when the operation has too many selections to count.
 */
export function measureOperation(options: MeasureOptions): Cost | null {
  const { schema, operation, variables } = options
  rejectReservedNames(operation)
  const { errors, variableValues } = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    variables,
    { maxErrors: 1 },
  )
  const root = schema.getRootType(operation.operation)
  if (errors || !root) return null
  const measurement = new Measurement(options, variableValues)
  const { complexity, depth } = measurement.measureType(root, [operation.selectionSet], 1)
  // Subtracts the rounding error of sums of 0.1.
  return { complexity: Math.ceil(complexity - 1e-6), depth }
}

/** The executor drops a variable named `__proto__`, so it would use another value than the one measured here. */
function rejectReservedNames({ variableDefinitions = [] }: OperationDefinitionNode): void {
  for (const { variable } of variableDefinitions) {
    if (!variable.name.value.startsWith('__')) continue
    throw new GraphQLError(`The name of the variable "$${variable.name.value}" is reserved.`, {
      nodes: variable,
    })
  }
}

type AnyField = GraphQLField<unknown, unknown>

/** The cost of one field: `points`, plus the cost of its selections times `size`. */
interface Weight {
  points: number
  /** Undefined when the field declares no size. A list then has the size that its parent declares. */
  size: number | undefined
}

/** The measurement of one operation. */
class Measurement {
  readonly #schema: GraphQLSchema
  readonly #context: object
  readonly #variables: VariableValues
  readonly #listSizes: ReadonlyMap<string, number>
  readonly #collectFields: CollectFields
  readonly #memoize = createMemo<Cost>()

  constructor({ schema, fragments, context }: MeasureOptions, variables: VariableValues) {
    this.#schema = schema
    this.#context = context
    this.#variables = variables
    this.#listSizes = introspectionListSizes(schema)
    this.#collectFields = createFieldCollector(schema, fragments, variables)
  }

  /**
   * The cost of the selections on a value of `type`; for an abstract type, the highest cost of its object types.
   * `listSize` is the size of each list in the selections that declares none.
   */
  measureType(
    type: GraphQLCompositeType,
    sets: readonly SelectionSetNode[],
    listSize: number,
  ): Cost {
    const objects = isAbstractType(type) ? this.#schema.getPossibleTypes(type) : [type]
    // A selection set belongs to one field, so `listSize` does not need to be part of the key.
    const costs = objects.map((object) =>
      this.#memoize([object, ...sets], () => this.#measureObject(object, sets, listSize)),
    )
    return {
      complexity: Math.max(0, ...costs.map(({ complexity }) => complexity)),
      depth: Math.max(0, ...costs.map(({ depth }) => depth)),
    }
  }

  #measureObject(
    type: GraphQLObjectType,
    sets: readonly SelectionSetNode[],
    listSize: number,
  ): Cost {
    const total = { complexity: 0, depth: 0 }
    for (const nodes of this.#collectFields(type, sets).values()) {
      const { complexity, depth } = this.#measureField(type, nodes, listSize)
      total.complexity += complexity
      total.depth = Math.max(total.depth, depth)
    }
    return total
  }

  #measureField(type: GraphQLObjectType, nodes: FieldNode[], listSize: number): Cost {
    const [node] = nodes
    const field = node && fieldOf(type, node.name.value)
    if (!node || !field) return { complexity: 0, depth: 0 }
    const { points, size } = this.#weightOf(type, field, node)
    const fieldType = getNamedType(field.type)
    const depth = isIntrospectionType(type) ? 0 : 1
    if (!isCompositeType(fieldType)) return { complexity: points, depth }
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    const isList = isListType(getNullableType(field.type))
    const item = this.measureType(fieldType, sets, isList ? 1 : (size ?? 1))
    const count = isList ? Math.max(size ?? listSize, 1) : 1
    return { complexity: points + count * item.complexity, depth: depth + item.depth }
  }

  #weightOf(type: GraphQLObjectType, field: AnyField, node: FieldNode): Weight {
    const listSize = this.#listSizes.get(`${type.name}.${field.name}`)
    const declared = field.extensions.complexity
    const value =
      typeof declared === 'function'
        ? declared(getArgumentValues(field, node, this.#variables), this.#context, field)
        : declared
    const { field: points = FIELD, multiplier: size = listSize } =
      typeof value === 'number' ? { field: value } : (value ?? {})
    return { points: Math.max(points, FIELD), size }
  }
}

function fieldOf(type: GraphQLObjectType, name: string): AnyField | undefined {
  return META_FIELDS.get(name) ?? type.getFields()[name]
}

const META_FIELDS = new Map<string, AnyField>(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
)

/** Creates a cache whose keys are lists of objects. Fragments lead to the same selections in many ways. */
function createMemo<T>(): (objects: readonly unknown[], compute: () => T) => T {
  const ids = new Map<unknown, number>()
  const values = new Map<string, T>()
  const idOf = (object: unknown) => ids.get(object) ?? ids.set(object, ids.size).size - 1
  return (objects, compute) => {
    const key = objects.map(idOf).join()
    const cached = values.get(key)
    if (cached !== undefined) return cached
    const value = compute()
    values.set(key, value)
    return value
  }
}
