import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Entity, Kind } from '../ledger/entity.ts'
import type { Created } from '../ledger/entity-store.ts'
import type { IdempotencyRecord, IdempotencyRecordKey } from '../ledger/idempotency-records.ts'
import { type Failure, RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { Context } from './context.ts'
import { type Create, OUTCOME_UNKNOWN, sendAndRecord } from './send-and-record.ts'

type Outcome = Created | { failure: Failure }
type KnownRecord = Exclude<IdempotencyRecord<Outcome>, { state: 'SENDING' }>

const FIRST_WAIT_MS = 25
const LONGEST_WAIT_MS = 500

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
  const key = { tenant, idempotencyKey: create.idempotencyKey ?? randomUUID() }
  const record = await beginRecord(key, create, context)
  switch (record.state) {
    case 'OURS':
      return context.waitUntil(sendAndRecord({ ...key, holder: record.holder }, create, context))
    case 'CONFLICT':
      throw new RequestError(CONFLICT)
    case 'UNKNOWN':
      context.report.isReplayed = true
      throw new RequestError(OUTCOME_UNKNOWN)
    case 'DONE': {
      context.report.isReplayed = true
      if ('failure' in record.outcome) throw new RequestError(lasting(record.outcome.failure))
      const ref = { tenant, kind: create.kind, key: record.outcome.key }
      const entity = await context.ledger.find(ref)
      if (entity) return entity
      throw new Error(`What ${key.idempotencyKey} created is not in the ledger.`)
    }
  }
}

/** Returns the record of the key. Waits while another call sends the create. Rejects when the caller disconnects. */
async function beginRecord<K extends Kind>(
  key: IdempotencyRecordKey,
  { kind, request }: Create<K>,
  { ledger, signal }: Context,
): Promise<KnownRecord> {
  const fingerprint = createHash('sha256')
    .update(canonical([kind, request]))
    .digest('hex')
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
    const record = await ledger.idempotencyRecords.begin<Outcome>(key, fingerprint)
    if (record.state !== 'SENDING') return record
    await pause(waitMs, undefined, { signal })
  }
}

/** Earlier versions also stored temporary failures. With the same key they cannot be retried. */
function lasting(failure: Failure): Failure {
  return failure.retryable ? OUTCOME_UNKNOWN : failure
}

const CONFLICT: Failure = {
  code: 'IDEMPOTENCY_CONFLICT',
  message: 'This idempotency key was used with another input. Nothing was sent to 0-0.',
  retryable: false,
}

/** Serialises a value as JSON with sorted property names, so that equal inputs have equal fingerprints. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
