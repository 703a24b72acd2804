import type { ResourceFilter } from '../ledger/ledger.ts'
import { type Page, PageError, type PageRequest } from '../ledger/page.ts'
import type { Kind, Resource } from '../ledger/resource.ts'
import type { Context } from './context.ts'
import { refuseInput } from './failure.ts'

/** A page of what is registered here. Throws INVALID_INPUT when there can be no such page. */
export async function listOf<K extends Kind, T>(
  kind: K,
  filter: ResourceFilter,
  request: PageRequest,
  view: (resource: Resource<K>) => T,
  { caller, ledger, limits }: Context,
): Promise<Page<T>> {
  try {
    const page = await ledger.list(caller().tenant, kind, filter, request, limits.pageSize)
    return {
      ...page,
      items: page.items.map(({ cursor, item }) => ({ cursor, item: view(item) })),
    }
  } catch (error) {
    if (error instanceof PageError) {
      throw refuseInput([{ path: [error.argument], message: error.message }])
    }
    throw error
  }
}
