import { setTimeout as pause } from 'node:timers/promises'
import type { Entity, Kind } from '../ledger/entity.ts'
import type { Registration } from '../ledger/entity-store.ts'
import { EXTEND_EVERY_MS, type IdempotencyRecordKey } from '../ledger/idempotency-records.ts'
import type { Unrecorded } from '../ledger/ledger.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'
import { type Failure, failureOf, RequestError } from '../model/failure.ts'
import { requireIdentity } from '../model/identity.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import { UpstreamError, type UpstreamErrorCode } from '../upstream/upstream-error.ts'
import type { Context } from './context.ts'
import { nullIfUnavailable } from './null-if-not-found.ts'

/** A create that a caller requests. */
export interface Create<K extends Kind> {
  kind: K
  /** The input in plain values. Another input under the same idempotency key is refused. */
  request: object
  idempotencyKey: string | undefined
  /** Sends the create. Until it calls `onSent`, nothing has left this process; after that, 0-0 may have done it. */
  send(call: UpstreamCall): Promise<{ key: string; snapshot: Registration<K>['snapshot'] }>
  origin: Registration<K>['origin']
}

/** An idempotency record that this call holds until its outcome is written. */
export type HeldRecord = IdempotencyRecordKey & { holder: string }

/** The failure of a create whose outcome nobody can know. */
export const OUTCOME_UNKNOWN: Failure = {
  code: 'OUTCOME_UNKNOWN',
  message: 'It is not known whether 0-0 did this; it is not sent again.',
  retryable: false,
}

/**
 * Sends a create and writes its outcome into the record: the created entity, a failure, or nothing when the key is released
 * because 0-0 has certainly done nothing. Returns the created entity. Throws what sending threw.
 */
export async function sendAndRecord<K extends Kind>(
  held: HeldRecord,
  create: Create<K>,
  context: Context,
): Promise<Entity<K>> {
  const { kind, send, origin } = create
  const { tenant, credential } = requireIdentity(context)
  const { ledger, requestId, signal } = context
  const write = startRecording(held, context)
  let sent = false
  const onSent = () => {
    sent = true
  }
  try {
    const { key, snapshot } = await send({ credential, requestId, signal, onSent })
    const registration = { snapshot, origin, credential, idempotencyRecord: held }
    const registered = await write({ kind, key }, () =>
      ledger.register({ tenant, kind, key }, registration),
    )
    if (registered) return registered
    const unrecorded = { pollingEnded: false, pollingEndedReason: null, seq: 0 }
    return { key, snapshot, origin, ...unrecorded, observedAt: new Date() }
  } catch (error) {
    if (!sent || didNothing(error)) {
      const unrecorded = { kind, failed: failureOf(error)?.code ?? 'INTERNAL' }
      const release = () => ledger.idempotencyRecords.release(held, held.holder)
      await write(unrecorded, release).catch(context.onError)
      throw error
    }
    const failure = lastingFailureOf(error)
    const finish = () => ledger.idempotencyRecords.finish(held, { failure })
    await write({ kind, failed: failure.code }, finish).catch(context.onError)
    // Without a key nobody can ask for this outcome again, so the error keeps its own type.
    if (create.idempotencyKey === undefined || failureOf(error) === null) throw error
    throw new RequestError(failure)
  }
}

/** Milliseconds that a caller waits for the outcome to be written. It is written after that all the same. */
const MAX_CALLER_WAIT_MS = 2_000

/**
 * Extends the lease of the record until the returned function has written the outcome. That function returns what `write`
 * returns, or null while the storage fails: then the caller does not wait, and writing continues until it succeeds.
 */
function startRecording(held: HeldRecord, { ledger, waitUntil, onError }: Context) {
  const extending = setInterval(() => {
    ledger.idempotencyRecords.extend(held).catch(() => {})
  }, EXTEND_EVERY_MS)
  return <T>(unrecorded: Unrecorded, write: () => Promise<T>): Promise<T | null> => {
    const first = write()
    const written = first
      .catch((error) => {
        if (error instanceof LedgerUnavailable) return ledger.persist(unrecorded, write)
        throw error
      })
      .finally(() => clearInterval(extending))
    waitUntil(written).catch(onError)
    const timeout = pause(MAX_CALLER_WAIT_MS, null, { ref: false })
    return Promise.race([first.catch(nullIfUnavailable), timeout])
  }
}

/** Temporary reasons for which 0-0 may refuse a create. */
const TEMPORARY: ReadonlySet<UpstreamErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'RATE_LIMITED',
  'UPSTREAM_UNAVAILABLE',
])

/** Whether a create that was sent has certainly done nothing, for a temporary reason. Our own refusals did nothing. */
function didNothing(error: unknown): boolean {
  if (error instanceof UpstreamError) return !error.mayBeDone && TEMPORARY.has(error.code)
  return error instanceof RequestError && !(error instanceof LedgerUnavailable)
}

/** The failure that every later call with the key gets for a create that was sent. */
function lastingFailureOf(error: unknown): Failure {
  const failure = failureOf(error)
  if (failure === null) return OUTCOME_UNKNOWN
  const isKnown = error instanceof UpstreamError && !error.mayBeDone
  if (isKnown || failure.code === 'OUTCOME_UNKNOWN') return failure
  const message = `${OUTCOME_UNKNOWN.message} The answer was: ${failure.message}`
  return { ...OUTCOME_UNKNOWN, message }
}
