import type { Kysely, Selectable, Transaction } from 'kysely'
import type { AssetSnapshot } from '../model.ts'
import {
  type Address,
  decodeJson,
  encodeJson,
  isStale,
  isTerminal,
  type Kind,
  mergeSnapshot,
  type Origin,
  type Resource,
  type Snapshot,
} from './resource.ts'
import type { ResourceTable, Tables } from './tables.ts'

export type Row = Selectable<ResourceTable>

/** The key of the group a resource belongs to, or null. */
export function parentOf(kind: Kind, snapshot: Snapshot): string | null {
  if (kind !== 'asset') return null
  const { platform, groupId } = snapshot as AssetSnapshot
  return groupId === null ? null : `${platform}:${groupId}`
}

export function resourceOf<K extends Kind>(
  row: Pick<Row, 'key' | 'snapshot' | 'origin' | 'note' | 'settled' | 'seq' | 'observed_at'>,
): Resource<K> {
  return {
    key: row.key,
    snapshot: decodeJson<Snapshot<K>>(row.snapshot),
    origin: (row.origin === null ? null : decodeJson(row.origin)) as Origin<K>,
    note: row.note,
    settled: row.settled === 1,
    seq: row.seq,
    observedAt: new Date(row.observed_at),
  }
}

export async function findRow(
  database: Kysely<Tables>,
  { tenant, kind, key }: Address,
): Promise<Row | null> {
  const row = await database
    .selectFrom('resource')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .executeTakeFirst()
  return row ?? null
}

/** Writes the first thing known of a resource: its row and its first transition. */
export async function insert<K extends Kind>(
  trx: Transaction<Tables>,
  { tenant, kind, key }: Address<K>,
  snapshot: Snapshot<K>,
  origin: Origin<K>,
): Promise<Resource<K>> {
  const state = {
    settled: isTerminal(kind, snapshot.status) ? 1 : 0,
    snapshot: encodeJson(snapshot),
    note: null,
    observed_at: Date.now(),
  }
  const seq = await append(trx, {
    ...state,
    tenant,
    kind,
    key,
    previous: null,
    current: snapshot.status,
  })
  const row = {
    ...state,
    tenant,
    kind,
    key,
    ...columnsOf(kind, snapshot),
    origin: origin === null ? null : encodeJson(origin),
    seq,
  }
  await trx.insertInto('resource').values(row).execute()
  return resourceOf(row)
}

/**
 * Writes what was now seen of the resource in `row`. An answer that can only be old changes nothing;
 * a new status appends a transition, and a terminal one ends the watch.
 */
export async function update<K extends Kind>(
  trx: Transaction<Tables>,
  { tenant, kind, key }: Address<K>,
  row: Row,
  seen: Snapshot<K>,
): Promise<Resource<K>> {
  const before = resourceOf<K>(row)
  if (isStale(kind, before.snapshot.status, seen.status)) return before

  const snapshot = mergeSnapshot<K>(before.snapshot, seen)
  const terminal = isTerminal(kind, snapshot.status)
  const state = {
    settled: terminal ? 1 : row.settled,
    snapshot: encodeJson(snapshot),
    note: terminal ? null : row.note,
    observed_at: Date.now(),
  }
  const seq =
    snapshot.status === before.snapshot.status
      ? row.seq
      : await append(trx, {
          ...state,
          tenant,
          kind,
          key,
          previous: before.snapshot.status,
          current: snapshot.status,
        })
  await trx
    .updateTable('resource')
    .set({ ...state, ...columnsOf(kind, snapshot), seq })
    .where('position', '=', row.position)
    .execute()
  if (terminal) await deleteWatch(trx, { tenant, kind, key })
  return resourceOf({ ...row, ...state, seq })
}

/** Ends the watch of a resource that did not settle; its status stays, `note` says why. */
export async function giveUp(
  trx: Transaction<Tables>,
  { tenant, kind, key }: Address,
  note: string,
): Promise<void> {
  const row = await findRow(trx, { tenant, kind, key })
  if (!row) return
  const state = { settled: 1, note, snapshot: row.snapshot, observed_at: Date.now() }
  const seq = await append(trx, {
    ...state,
    tenant,
    kind,
    key,
    previous: row.status,
    current: row.status,
  })
  await trx
    .updateTable('resource')
    .set({ ...state, seq })
    .where('position', '=', row.position)
    .execute()
  await deleteWatch(trx, { tenant, kind, key })
}

/** Takes back that nothing more is expected of a resource: it is watched again. */
export async function reopen<K extends Kind>(
  trx: Transaction<Tables>,
  { tenant, kind, key }: Address<K>,
  resource: Resource<K>,
): Promise<Resource<K>> {
  if (!resource.settled) return resource
  await trx
    .updateTable('resource')
    .set({ settled: 0, note: null })
    .where('tenant', '=', tenant)
    .where('kind', '=', kind)
    .where('key', '=', key)
    .execute()
  return { ...resource, settled: false, note: null }
}

/** What lists filter by. */
function columnsOf(kind: Kind, snapshot: Snapshot): Pick<Row, 'status' | 'parent' | 'type'> {
  return {
    status: snapshot.status,
    parent: parentOf(kind, snapshot),
    type: 'type' in snapshot ? snapshot.type : null,
  }
}

async function append(
  trx: Transaction<Tables>,
  transition: Omit<Selectable<Tables['transition']>, 'seq'>,
): Promise<number> {
  const { seq } = await trx
    .insertInto('transition')
    .values(transition)
    .returning('seq')
    .executeTakeFirstOrThrow()
  return seq
}

/** Also forgets the tenant's key when nothing else of the tenant is watched. */
async function deleteWatch(trx: Transaction<Tables>, address: Address): Promise<void> {
  const { numDeletedRows } = await trx
    .deleteFrom('watch')
    .where('tenant', '=', address.tenant)
    .where('kind', '=', address.kind)
    .where('key', '=', address.key)
    .executeTakeFirst()
  if (numDeletedRows === 0n) return
  await trx
    .deleteFrom('credential')
    .where('tenant', '=', address.tenant)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('watch').select('key').where('tenant', '=', address.tenant))),
    )
    .execute()
}
