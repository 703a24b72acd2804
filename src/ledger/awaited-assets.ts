import type { Transaction } from 'kysely'
import { keyOf } from '../model/entities.ts'
import { isPostgres } from './database.ts'
import type { EntityRef, Origin } from './entity.ts'
import type { Tables } from './tables.ts'

/**
 * Stores which assets a waiting task refers to, so that a change of one of them makes the task due.
 * Must be called in the transaction that adds the poll job of the task. Does nothing when the request
 * refers to no assets.
 *
 * A concurrent change of an asset must not be missed. Therefore PostgreSQL locks the assets first. The
 * change then either commits before this transaction, and the first check of the task reads it, or it
 * waits until this transaction has ended, and finds the rows stored here.
 */
export async function rememberAwaitedAssets(
  trx: Transaction<Tables>,
  { tenant, kind, key }: EntityRef,
  origin: Origin,
): Promise<void> {
  const assetKeys = assetKeysOf(origin)
  if (assetKeys.length === 0) return
  if (isPostgres(trx)) {
    await trx
      .selectFrom('entity')
      .select('key')
      .where('tenant', '=', tenant)
      .where('kind', '=', 'asset')
      .where('key', 'in', assetKeys)
      .orderBy('key')
      .forShare()
      .execute()
  }
  await trx
    .insertInto('awaited_asset')
    .values(assetKeys.map((asset_key) => ({ tenant, kind, key, asset_key })))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/**
 * Makes the waiting tasks that refer to this asset due now, or at the end of the pause that 0-0 asked
 * for.
 *
 * This includes a task that is claimed now. Its `next_poll_at` always changes, and the changed value
 * tells the holder of the lease not to overwrite it.
 */
export async function wakeWaitingTasks(
  trx: Transaction<Tables>,
  tenant: string,
  assetKey: string,
): Promise<void> {
  const now = Date.now()
  await trx
    .updateTable('poll_job')
    .set(({ eb, ref, val }) => ({
      next_poll_at: eb
        .case()
        .when('next_poll_at', '<=', now)
        .then(eb('next_poll_at', '+', 1))
        .when('not_before', '>', now)
        .then(ref('not_before'))
        .else(val(now))
        .end(),
    }))
    .where('tenant', '=', tenant)
    .where('kind', '=', 'videoTask')
    .where('submission', '=', 'WAITING')
    .where('key', 'in', ({ selectFrom }) =>
      selectFrom('poll_job')
        .innerJoin('awaited_asset', (join) =>
          join
            .onRef('awaited_asset.tenant', '=', 'poll_job.tenant')
            .onRef('awaited_asset.kind', '=', 'poll_job.kind')
            .onRef('awaited_asset.key', '=', 'poll_job.key'),
        )
        .select('poll_job.key')
        .where('awaited_asset.tenant', '=', tenant)
        .where('awaited_asset.asset_key', '=', assetKey)
        // Always lock in the same order, so that concurrent changes of two assets cannot deadlock.
        .orderBy('poll_job.key')
        .$if(isPostgres(trx), (query) => query.forUpdate('poll_job')),
    )
    .execute()
}

/** Returns the keys of the assets that a request refers to, without duplicates. */
function assetKeysOf(origin: Origin): string[] {
  const request = origin && 'request' in origin ? origin.request : null
  const keys = (request?.resources ?? []).flatMap(({ platform, assetId }) =>
    assetId === undefined ? [] : [keyOf({ platform, id: assetId })],
  )
  return [...new Set(keys)]
}
