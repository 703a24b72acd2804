import type { Entity, Kind } from '../ledger/entity.ts'
import type { EntityFilter } from '../ledger/lists.ts'
import { type Page, PageError, type PageRequest } from '../ledger/page.ts'
import { UpstreamError } from '../upstream/errors.ts'
import type { Context } from './context.ts'
import { invalidInput } from './failure.ts'

/**
 * A page of what is registered here. Throws INVALID_INPUT when there can be no such page, and UNAUTHENTICATED when 0-0 has
 * refused the caller's key, under which nothing can be registered.
 */
export async function listOf<K extends Kind, T>(
  kind: K,
  filter: EntityFilter,
  request: PageRequest,
  view: (resource: Entity<K>) => T,
  { caller, ledger, limits, isKeyRefused }: Context,
): Promise<Page<T>> {
  const { tenant, credential } = caller()
  if (isKeyRefused(credential)) throw new UpstreamError('UNAUTHENTICATED')
  try {
    const page = await ledger.list(tenant, kind, filter, request, limits.pageSize)
    return {
      ...page,
      items: page.items.map(({ cursor, item }) => ({ cursor, item: view(item) })),
    }
  } catch (error) {
    if (error instanceof PageError) {
      throw invalidInput([{ path: [error.argument], message: error.message }])
    }
    throw error
  }
}
