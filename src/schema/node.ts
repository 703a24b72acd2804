import { findNode, findNodes } from '../resolvers/node.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'

builder.queryFields((t) => ({
  node: t.field({
    type: builder.nodeInterfaceRef(),
    complexity: UPSTREAM_CALL,
    nullable: true,
    description: 'Whatever has this global id; null when 0-0 does not know it.',
    args: { id: t.arg.id({ required: true, description: 'A global id.' }) },
    resolve: (_root, { id }, context) => findNode(id, context),
  }),
  nodes: t.field({
    type: [builder.nodeInterfaceRef()],
    complexity: ({ ids }) => ({ field: ids.length * UPSTREAM_CALL, multiplier: ids.length }),
    nullable: { list: false, items: true },
    description: 'Whatever has these global ids, in order; null where 0-0 does not know one.',
    args: { ids: t.arg.idList({ required: true, description: 'Up to 100 global ids.' }) },
    resolve: (_root, { ids }, context) => findNodes(ids, context),
  }),
}))
