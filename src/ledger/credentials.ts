import type { Transaction } from 'kysely'
import { isPostgres } from './database.ts'
import type { Secrets } from './secrets.ts'
import type { Tables } from './tables.ts'

/**
 * Stores the sealed bearer key of a tenant. The row is written even when it is there already: the write locks it, so that
 * `deleteUnusedCredential` of another transaction sees the poll job that is being added.
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

/** The bearer key of a tenant. Null when none is stored, or when it was sealed under another secret. */
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

/** Deletes the bearer key of a tenant that has no poll job left. */
export async function deleteUnusedCredential(
  trx: Transaction<Tables>,
  tenant: string,
): Promise<void> {
  // Locked first: adding a poll job writes this row too, and a statement that starts after that sees the poll job.
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
