import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import RelayPlugin from '@pothos/plugin-relay'
import type { Context } from '../resolvers/context.ts'
import { FIELD, MAX_RESOURCES } from './cost.ts'

/** The Pothos builder. Each file of this room adds its types and fields to it. */
export const builder = new SchemaBuilder<{
  Context: Context
  DefaultFieldNullability: false
  DefaultNodeNullability: false
  DefaultEdgesNullability: { list: false; items: false }
  Scalars: {
    ID: { Input: string; Output: string }
    DateTime: { Input: Date; Output: Date }
    URL: { Input: string; Output: string }
    JSONObject: { Input: Record<string, unknown>; Output: Record<string, unknown> }
  }
  Connection: { totalCount(): Promise<number> }
}>({
  defaultFieldNullability: false,
  plugins: [RelayPlugin, ComplexityPlugin],
  // The plugin only stores the cost of each field. execution/operation-cost.ts adds the costs before execution.
  complexity: { defaultComplexity: FIELD, defaultListMultiplier: MAX_RESOURCES, disabled: true },
  relay: {
    cursorType: 'String',
    encodeGlobalID: (typename, id) => `${typename}:${id}`,
    idFieldOptions: { description: 'The global id. It does not change.' },
    nodeTypeOptions: {
      description: 'An entity with a global id: a group, an asset or a video task.',
      resolveType: (node) => typeNameOf(node as object),
    },
    // schema/node.ts defines `node` and `nodes`: with those of the plugin, one malformed id fails all ids of `nodes`.
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    // No multiplier for `nodes` and `edges`: the connection field has the size of the page (`pageComplexity`).
    nodesOnConnection: {
      complexity: FIELD,
      description: 'The items of the page, without cursors.',
    },
    defaultConnectionTypeOptions: {
      description: 'A page of a list (Relay Cursor Connections Specification).',
    },
    defaultEdgeTypeOptions: { description: 'An item of a list with its cursor.' },
    edgesFieldOptions: {
      complexity: FIELD,
      nullable: { list: false, items: false },
      description: 'The items of the page with their cursors.',
    },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'The position of the item, for `after` and `before`.' },
    pageInfoTypeOptions: { description: 'The position of a page in its list.' },
    pageInfoFieldOptions: { description: 'The position of this page in the list.' },
    hasNextPageFieldOptions: { description: 'Whether items follow this page.' },
    hasPreviousPageFieldOptions: {
      description: 'Whether items precede this page.',
    },
    startCursorFieldOptions: {
      description: 'The cursor of the first item. Null when the page is empty.',
    },
    endCursorFieldOptions: {
      description: 'The cursor of the last item. Null when the page is empty.',
    },
    firstArgOptions: {
      description:
        'Return this number of items from the beginning of the list: 0 to 100, 20 when omitted.',
    },
    afterArgOptions: {
      description: 'Return only items that follow the item with this cursor.',
    },
    lastArgOptions: {
      description:
        'Return this number of items from the end of the list: 0 to 100. Cannot be combined with `first`.',
    },
    beforeArgOptions: {
      description: 'Return only items that precede the item with this cursor.',
    },
  },
})

builder.queryType({
  description:
    'Reads. Single entities are read from 0-0. Lists contain the entities that your tenant registered through this service. A tenant is a 0-0 key, or the tenant claim of a JWT.',
})
builder.mutationType({
  description:
    'Creates, and the cancellation of a task. Each returns an entity, or a type that implements `Error`.',
})
builder.subscriptionType({
  description: 'Status changes, over WebSocket (graphql-transport-ws) or as server-sent events.',
})

/** The name of the type of a node. Each type has a property that the other types do not have. */
function typeNameOf(node: object): string {
  if ('assetId' in node) return 'Asset'
  return 'taskId' in node ? 'VideoTask' : 'AssetGroup'
}
