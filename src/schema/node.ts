import { findNode, findNodes } from '../resolvers/node.ts'
import { builder } from './builder.ts'
import { UPSTREAM_CALL } from './cost.ts'

builder.queryFields((t) => ({
  node: t.field({
    type: builder.nodeInterfaceRef(),
    complexity: UPSTREAM_CALL,
    nullable: true,
    description:
      'Reads the entity with this global id from 0-0. Null when 0-0 does not know the id.',
    args: { id: t.arg.id({ required: true, description: 'A global id.' }) },
    resolve: (_root, { id }, context) => findNode(id, context),
  }),
  nodes: t.field({
    type: [builder.nodeInterfaceRef()],
    complexity: ({ ids }) => ({ field: ids.length * UPSTREAM_CALL, multiplier: ids.length }),
    nullable: { list: false, items: true },
    description:
      'Reads the entities with these global ids from 0-0, in the same order. Null for each id that 0-0 does not know. Null with an error for each entity that cannot be read.',
    args: { ids: t.arg.idList({ required: true, description: 'At most 100 global ids.' }) },
    resolve: (_root, { ids }, context) => findNodes(ids, context),
  }),
}))
