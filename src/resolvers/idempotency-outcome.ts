import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Entity, Kind } from '../ledger/entity.ts'
import type { Created } from '../ledger/entity-store.ts'
import type { ExistingRecord, IdempotencyRecordKey } from '../ledger/idempotency-records.ts'
import { type Failure, RequestError } from '../model/failure.ts'
import type { Context } from './context.ts'
import { OUTCOME_UNKNOWN } from './send-and-record.ts'

/** The stored outcome of a create. */
export type Outcome = Created | { failure: Failure }

const FIRST_WAIT_MS = 25
const LONGEST_WAIT_MS = 500

/** Repeats `read` while another call sends the create. Rejects when the caller disconnects. */
export async function whenEnded<R extends { state: string } | null>(
  read: () => Promise<R>,
  { signal }: Context,
): Promise<Ended<R>> {
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
    const record = await read()
    if (isEnded(record)) return record
    await pause(waitMs, undefined, { signal })
  }
}

type Ended<R> = Exclude<R, { state: 'SENDING' }>

function isEnded<R extends { state: string } | null>(record: R): record is Ended<R> {
  return record?.state !== 'SENDING'
}

/**
 * Returns the entity that an earlier call with the key created. Throws the failure of that call, OUTCOME_UNKNOWN when it
 * cannot be known, and IDEMPOTENCY_CONFLICT when the key was used with another input.
 */
export async function replayOutcome<K extends Kind>(
  record: Ended<ExistingRecord<Outcome>>,
  kind: K,
  { tenant, idempotencyKey }: IdempotencyRecordKey,
  { ledger, report }: Context,
): Promise<Entity<K>> {
  if (record.state === 'CONFLICT') throw new RequestError(CONFLICT)
  report.isReplayed = true
  if (record.state === 'UNKNOWN') throw new RequestError(OUTCOME_UNKNOWN)
  if ('failure' in record.outcome) throw new RequestError(lasting(record.outcome.failure))
  const entity = await ledger.find({ tenant, kind, key: record.outcome.key })
  if (entity) return entity
  throw new Error(`What ${idempotencyKey} created is not in the ledger.`)
}

/** Earlier versions also stored temporary failures. With the same key they cannot be retried. */
function lasting(failure: Failure): Failure {
  return failure.retryable ? OUTCOME_UNKNOWN : failure
}

/** The failure of a create whose key was used with another input. */
export const CONFLICT: Failure = {
  code: 'IDEMPOTENCY_CONFLICT',
  message: 'This idempotency key was used with another input. Nothing was sent to 0-0.',
  retryable: false,
}

/** Returns a hash of JSON values. The order of property names does not change it. */
export function fingerprintOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex')
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
