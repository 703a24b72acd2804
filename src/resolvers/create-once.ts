import { randomUUID } from 'node:crypto'
import type { Entity, Kind } from '../ledger/entity.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Context } from './context.ts'
import { fingerprintOf, type Outcome, replayOutcome, whenEnded } from './idempotency-outcome.ts'
import { type Create, sendAndRecord } from './send-and-record.ts'

/**
 * Sends a create at most once per idempotency key, and returns the created entity. The record is written before the
 * create is sent. Every later call with the key waits for the outcome of the first call and has the same outcome. A
 * create that was sent is completed and recorded, even when the caller disconnects or the database fails. The key is
 * released when 0-0 has certainly done nothing for a temporary reason (docs/decisions/0014).
 *
 * Throws the failure of the first call, OUTCOME_UNKNOWN when that cannot be known, IDEMPOTENCY_CONFLICT when the key
 * was used with another input, and SERVICE_UNAVAILABLE when the record cannot be written; nothing was sent then.
 */
export async function createOnce<K extends Kind>(
  create: Create<K>,
  context: Context,
): Promise<Entity<K>> {
  const { tenant } = requireIdentity(context)
  const { kind, request, idempotencyKey = randomUUID() } = create
  const key = { tenant, idempotencyKey }
  const fingerprint = fingerprintOf([kind, request])
  const { idempotencyRecords } = context.ledger
  const begin = () => idempotencyRecords.begin<Outcome>(key, fingerprint)
  const record = await whenEnded(begin, context)
  if (record.state !== 'OURS') return replayOutcome(record, kind, key, context)
  return context.waitUntil(sendAndRecord({ ...key, holder: record.holder }, create, context))
}
