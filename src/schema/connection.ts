import type { Page } from '../ledger/page.ts'
import { builder } from './builder.ts'

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many items the whole list has.',
    resolve: ({ totalCount }) => totalCount(),
  }),
)

/** A page in the form of the Relay Cursor Connections specification. */
export function connectionOf<T>({ items, hasNextPage, hasPreviousPage, totalCount }: Page<T>) {
  return {
    edges: items.map(({ cursor, item }) => ({ cursor, node: item })),
    pageInfo: {
      hasNextPage,
      hasPreviousPage,
      startCursor: items.at(0)?.cursor ?? null,
      endCursor: items.at(-1)?.cursor ?? null,
    },
    totalCount,
  }
}
