import type { Kysely } from 'kysely'
import type { Entity, Kind } from './entity.ts'
import { entityOf } from './entity-row.ts'
import type { PolledKind } from './poll-job.ts'
import type { Tables } from './tables.ts'

/** Returns the registered entities with these keys, by key. `keys` must not be empty. One query. Does not look for aliases. */
export async function findEntities<K extends Kind>(
  database: Kysely<Tables>,
  tenant: string,
  kind: K,
  keys: readonly string[],
): Promise<Map<string, Entity<K>>> {
  const rows = await database
    .selectFrom('entity')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', 'in', keys)
    .execute()
  return new Map(rows.map((row) => [row.key, entityOf<K>(row)]))
}

/** Returns when the entities with these keys are polled next, by key. `keys` must not be empty. One query. */
export async function findNextPolls(
  database: Kysely<Tables>,
  tenant: string,
  kind: PolledKind,
  keys: readonly string[],
): Promise<Map<string, Date>> {
  const rows = await database
    .selectFrom('poll_job')
    .select(['key', 'next_poll_at'])
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', 'in', keys)
    .execute()
  return new Map(rows.map(({ key, next_poll_at }) => [key, new Date(next_poll_at)]))
}
