import type { Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/**
 * Stores the encrypted bearer key of a tenant. Writes the row even when it exists, because the write locks
 * it: a concurrent `deleteUnusedCredential` then waits for this transaction and finds its new poll job.
 */
export async function storeCredential(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
  credential: string,
): Promise<void> {
  const sealed = secrets.seal(credential, tenant)
  await trx
    .insertInto('credential')
    .values({ tenant, sealed })
    .onConflict((conflict) => conflict.column('tenant').doUpdateSet({ sealed }))
    .execute()
}

/**
 * Returns the bearer key of a tenant. Returns null when none is stored, or when it was encrypted with
 * another secret.
 */
export async function findCredential(
  trx: Transaction<Tables>,
  secrets: Secrets,
  tenant: string,
): Promise<string | null> {
  const row = await trx
    .selectFrom('credential')
    .select('sealed')
    .where('tenant', '=', tenant)
    .executeTakeFirst()
  if (!row) return null
  try {
    return secrets.open(row.sealed, tenant)
  } catch {
    return null
  }
}

/** Deletes the bearer key of a tenant when the tenant has no poll jobs. */
export async function deleteUnusedCredential(
  trx: Transaction<Tables>,
  tenant: string,
): Promise<void> {
  // Lock the row before the delete: a transaction that adds a poll job writes this row too. The delete
  // starts after that transaction has committed, so it finds the new poll job.
  await trx
    .selectFrom('credential')
    .select('tenant')
    .where('tenant', '=', tenant)
    .$if(isPostgres(trx), (query) => query.forUpdate())
    .execute()
  await trx
    .deleteFrom('credential')
    .where('tenant', '=', tenant)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('poll_job').select('key').where('tenant', '=', tenant))),
    )
    .execute()
}
