import type { Cache, Data } from '@urql/exchange-graphcache'

/**
 * Puts an entity that was created or has changed into the lists that must show it. Errors, which
 * creates return too, have no list.
 */
export function placeInLists(cache: Cache, entity: Data, isNew: boolean): void {
  const key = cache.keyOfEntity(entity)
  if (key === null) return
  switch (entity.__typename) {
    case 'AssetGroup':
      place(cache, { key, isNew }, 'Query', 'assetGroups')
      return
    case 'Asset': {
      place(cache, { key, isNew }, 'Query', 'assets')
      const group = cache.resolve(key, 'group')
      if (typeof group === 'string') place(cache, { key, isNew }, group, 'assets')
      return
    }
    case 'VideoTask':
      place(cache, { key, isNew }, 'Query', 'videoTasks', (args) => isTaskListed(cache, key, args))
  }
}

/** Whether a task belongs to the list with these arguments, as the service decides it too. */
function isTaskListed(cache: Cache, task: string, { statuses, search }: Arguments): boolean {
  const status = cache.resolve(task, 'status')
  const prompt = String(cache.resolve(task, 'prompt') ?? '').toLowerCase()
  const hasStatus = !Array.isArray(statuses) || statuses.some((listed) => listed === status)
  return hasStatus && (!search || prompt.includes(String(search).toLowerCase()))
}

type Arguments = Record<string, unknown>

/** The cache key of an entity, and whether it was created just now. */
interface Placed {
  key: string
  isNew: boolean
}

/** Adds the entity to the lists of this field, or removes it, for all arguments with which it is cached. */
function place(
  cache: Cache,
  entity: Placed,
  parent: string,
  fieldName: string,
  belongs: (args: Arguments) => boolean = () => true,
): void {
  for (const field of cache.inspectFields(parent)) {
    if (field.fieldName !== fieldName) continue
    const list = cache.resolve(parent, field.fieldKey)
    const nodes = typeof list === 'string' ? cache.resolve(list, 'nodes') : null
    if (typeof list !== 'string' || !Array.isArray(nodes)) continue
    const args = field.arguments ?? {}
    const keys = nodes.filter((node) => typeof node === 'string')
    const isListed = keys.includes(entity.key)
    if (isListed && !belongs(args)) {
      cache.link(
        list,
        'nodes',
        keys.filter((key) => key !== entity.key),
      )
    }
    // New entities are on the first page, which has no `after`.
    if (isListed || !belongs(args) || args.after) continue
    const position = positionOf(cache, entity, keys)
    // An entity after the last of the page may belong to a later page, which is read when it is shown.
    if (position === keys.length && hasNextPage(cache, list)) continue
    cache.link(list, 'nodes', keys.toSpliced(position, 0, entity.key))
  }
}

function hasNextPage(cache: Cache, list: string): boolean {
  const page = cache.resolve(list, 'pageInfo')
  return typeof page === 'string' && cache.resolve(page, 'hasNextPage') === true
}

/** The length of `2026-01-31T12:00:00`. The times of 0-0 have whole seconds, those of the service milliseconds. */
const SECONDS = 19

/** Returns the position of an entity in a list that begins with the newest. */
function positionOf(cache: Cache, { key, isNew }: Placed, keys: string[]): number {
  const createdAt = (of: string) => String(cache.resolve(of, 'createdAt') ?? '').slice(0, SECONDS)
  const created = createdAt(key)
  if (created === '') return 0
  // Within one second, a new entity is the first, and another one the last.
  const position = keys.findIndex((other) =>
    isNew ? createdAt(other) <= created : createdAt(other) < created,
  )
  return position === -1 ? keys.length : position
}
