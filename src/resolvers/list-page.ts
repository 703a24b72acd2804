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
 * paging arguments and for a `search` that is too long. Throws like `listedTenant`.
 */
export async function listPage<K extends Kind, T>(
  kind: K,
  filter: EntityFilter,
  request: PageRequest,
  view: (entity: Entity<K>) => T,
  context: Context,
): Promise<Page<T>> {
  const tenant = listedTenant(context)
  const { ledger, limits } = context
  const search = checkedSearch(filter.search)
  try {
    const page = await ledger.list(tenant, kind, { ...filter, search }, request, limits.pageSize)
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

/**
 * Returns the tenant whose entities a list or a summary contains. Throws UNAUTHENTICATED when 0-0 has refused the
 * caller's key, because an empty result would hide the error.
 */
export function listedTenant(context: Context): string {
  const { tenant, credential } = requireIdentity(context)
  if (context.isKeyRefused(credential)) throw new UpstreamError('UNAUTHENTICATED')
  return tenant
}

/** In UTF-16 code units. A name has at most 64 characters; a longer text finds only prompts. */
const MAX_SEARCH_LENGTH = 200

function checkedSearch(search: string | null | undefined): string {
  const text = search?.trim() ?? ''
  if (text.length <= MAX_SEARCH_LENGTH) return text
  const message = `The text must have at most ${MAX_SEARCH_LENGTH} characters.`
  throw invalidInput([{ path: ['search'], message }])
}
