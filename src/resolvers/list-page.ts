import type { Entity, Kind } from '../ledger/entity.ts'
import type { EntityFilter } from '../ledger/list-entities.ts'
import { PageError } from '../ledger/page-bounds.ts'
import { invalidInput } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Page, PageRequest } from '../model/page.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'
import type { Context } from './context.ts'

/**
 * Returns a page of the entities of the caller's tenant, each converted by `view`. Throws INVALID_INPUT for invalid
 * paging arguments. Throws UNAUTHENTICATED when 0-0 has refused the caller's key, because an empty page would hide the
 * error.
 */
export async function listPage<K extends Kind, T>(
  kind: K,
  filter: EntityFilter,
  request: PageRequest,
  view: (entity: Entity<K>) => T,
  context: Context,
): Promise<Page<T>> {
  const { tenant, credential } = requireIdentity(context)
  const { ledger, limits, isKeyRefused } = context
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
