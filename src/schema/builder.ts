import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import RelayPlugin from '@pothos/plugin-relay'
import type { Context } from '../resolvers/context.ts'
import { FIELD, MAX_RESOURCES } from './cost.ts'

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
  // The plugin declares what a field costs; the sum is made before execution (execution/operation-cost.ts).
  complexity: { defaultComplexity: FIELD, defaultListMultiplier: MAX_RESOURCES, disabled: true },
  relay: {
    cursorType: 'String',
    encodeGlobalID: (typename, id) => `${typename}:${id}`,
    idFieldOptions: { description: 'The global id, stable and readable.' },
    nodeTypeOptions: {
      description: 'Anything that has a global id.',
      resolveType: (node) => typeNameOf(node as object),
    },
    // Ours: they refuse an id that cannot be one without failing its neighbours (schema/node.ts).
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    // `nodes` and `edges` have the size of the page, which their connection tells.
    nodesOnConnection: {
      complexity: FIELD,
      description: 'The items themselves, for those who need no cursors.',
    },
    defaultConnectionTypeOptions: {
      description: 'A page of a list, newest first (Relay Cursor Connections).',
    },
    defaultEdgeTypeOptions: { description: 'An item of a list and its place in it.' },
    edgesFieldOptions: {
      complexity: FIELD,
      nullable: { list: false, items: false },
      description: 'The items with their cursors.',
    },
    nodeFieldOptions: { nullable: false, description: 'The item.' },
    cursorFieldOptions: { description: 'Give it as `after` or `before` to go on from here.' },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    hasNextPageFieldOptions: { description: 'Whether there are older items after this page.' },
    hasPreviousPageFieldOptions: {
      description: 'Whether there are newer items before this page.',
    },
    startCursorFieldOptions: {
      description: 'The cursor of the first item, null on an empty page.',
    },
    endCursorFieldOptions: { description: 'The cursor of the last item, null on an empty page.' },
    firstArgOptions: { description: 'How many of the newest: at most 100; 20 when left out.' },
    afterArgOptions: { description: 'Only items after the one with this cursor.' },
    lastArgOptions: {
      description: 'How many of the oldest, at most 100; not together with `first`.',
    },
    beforeArgOptions: { description: 'Only items before the one with this cursor.' },
  },
})

builder.queryType({
  description: 'Reads: of one thing from 0-0 as it is now, of lists from what was registered here.',
})
builder.mutationType({
  description:
    'Creates. Each answers with what was created, or with an `Error` that says what to do.',
})
builder.subscriptionType({
  description:
    'Status changes as they are observed, over WebSocket (graphql-transport-ws) or server-sent events.',
})

/** Each node type has a key no other has. */
function typeNameOf(node: object): string {
  if ('assetId' in node) return 'Asset'
  return 'taskId' in node ? 'VideoTask' : 'AssetGroup'
}
