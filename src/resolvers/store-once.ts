import { randomUUID } from 'node:crypto'
import type { Entity, Kind } from '../ledger/entity.ts'
import type { Registration } from '../ledger/entity-store.ts'
import { RecordExists } from '../ledger/idempotency-records.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Context } from './context.ts'
import { fingerprintOf, type Outcome, replayOutcome, whenEnded } from './idempotency-outcome.ts'

/** An entity that only this service stores. */
export interface Store<K extends Kind> {
  kind: K
  /** The input as JSON values. A different input under the same idempotency key is a conflict. */
  request: object
  idempotencyKey: string | undefined
  /** Returns the entity to store. It is called again when a repeat with the key finds no record. */
  prepare(): Promise<{ key: string; snapshot: Registration<K>['snapshot'] }>
  origin: Registration<K>['origin']
}

/**
 * Stores an entity at most once per idempotency key, and returns it. Nothing is sent to 0-0, so the entity and the record
 * of the key are written together, and the outcome is never unknown: after a crash a repeat finds both or neither.
 *
 * Throws the error of `prepare`, the failure that `replayOutcome` throws, and SERVICE_UNAVAILABLE when the database
 * cannot be written.
 */
export async function storeOnce<K extends Kind>(
  store: Store<K>,
  context: Context,
): Promise<Entity<K>> {
  const { tenant } = requireIdentity(context)
  const { kind, request, idempotencyKey = randomUUID() } = store
  const record = { tenant, idempotencyKey, fingerprint: fingerprintOf([kind, request]) }
  const find = () => context.ledger.idempotencyRecords.find<Outcome>(record, record.fingerprint)
  for (;;) {
    const known = await whenEnded(find, context)
    if (known) return replayOutcome(known, kind, record, context)
    const stored = await register(store, record, context)
    if (stored) return stored
  }
}

/** Returns null when another call with the key has stored its entity since the key was looked up. */
async function register<K extends Kind>(
  { kind, prepare, origin }: Store<K>,
  newRecord: NonNullable<Registration<K>['newRecord']>,
  context: Context,
): Promise<Entity<K> | null> {
  const { tenant, credential } = requireIdentity(context)
  const { key, snapshot } = await prepare()
  try {
    const registration = { snapshot, origin, credential, newRecord }
    return await context.ledger.register({ tenant, kind, key }, registration)
  } catch (error) {
    if (error instanceof RecordExists) return null
    throw error
  }
}
