import type { Cache, Data } from '@urql/exchange-graphcache'

/**
 * Puts an entity that was created or has changed into the lists that must show it. Errors, which
 * creates return too, have no list.
 */
export function placeInLists(cache: Cache, entity: Data): void {
  const key = cache.keyOfEntity(entity)
  if (key === null) return
  switch (entity.__typename) {
    case 'AssetGroup':
      place(cache, key, 'Query', 'assetGroups')
      return
    case 'Asset': {
      place(cache, key, 'Query', 'assets')
      const group = cache.resolve(key, 'group')
      if (typeof group === 'string') place(cache, key, group, 'assets')
      return
    }
    case 'VideoTask':
      place(cache, key, 'Query', 'videoTasks', (args) => isTaskListed(cache, key, args))
      // The sums of `usage` change with a task. The top bar reads them again.
      cache.invalidate('Query', 'usage')
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

/** Adds the entity to the lists of this field, or removes it, for all arguments with which it is cached. */
function place(
  cache: Cache,
  entity: string,
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
    const isListed = keys.includes(entity)
    if (isListed && !belongs(args)) {
      cache.link(
        list,
        'nodes',
        keys.filter((key) => key !== entity),
      )
    }
    // New entities are on the first page, which has no `after`.
    if (!isListed && belongs(args) && !args.after) {
      cache.link(list, 'nodes', keys.toSpliced(positionOf(cache, entity, keys), 0, entity))
    }
  }
}

/** Returns the position of an entity in a list that begins with the newest. */
function positionOf(cache: Cache, entity: string, keys: string[]): number {
  const createdAt = (key: string) => String(cache.resolve(key, 'createdAt') ?? '')
  const created = createdAt(entity)
  if (created === '') return 0
  const position = keys.findIndex((key) => createdAt(key) <= created)
  return position === -1 ? keys.length : position
}
