import type { Page } from '../model/page.ts'
import { builder } from './builder.ts'
import { LEDGER_QUERY } from './cost.ts'

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    complexity: LEDGER_QUERY,
    description: 'The number of items in the whole list.',
    resolve: ({ totalCount }) => totalCount(),
  }),
)

/** Returns a page in the form of the Relay Cursor Connections Specification. */
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
