import { setTimeout as pause } from 'node:timers/promises'
import { type Entity, type Kind, UNREGISTERED } from '../ledger/entity.ts'
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

/** A create to send to 0-0. */
export interface Create<K extends Kind> {
  kind: K
  /** The input as JSON values. A different input under the same idempotency key is a conflict. */
  request: object
  idempotencyKey: string | undefined
  /**
   * Sends the create. Before it calls `onSent`, nothing has been sent; after that, 0-0 may have executed the create.
   */
  send(call: UpstreamCall): Promise<{ key: string; snapshot: Registration<K>['snapshot'] }>
  origin: Registration<K>['origin']
}

/** An idempotency record that this call holds until the outcome is written. */
type HeldRecord = IdempotencyRecordKey & { holder: string }

/** The failure of a create whose outcome cannot be determined. */
export const OUTCOME_UNKNOWN: Failure = {
  code: 'OUTCOME_UNKNOWN',
  message: 'It is not known whether 0-0 did this; it is not sent again.',
  retryable: false,
}

/**
 * Sends a create and writes its outcome into the record: the created entity or a failure. Releases the key instead when
 * 0-0 has certainly done nothing. Returns the created entity, and throws the error of `send` or its lasting failure.
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
    return { key, snapshot, origin, pollingEnded: false, ...UNREGISTERED, observedAt: new Date() }
  } catch (error) {
    if (!sent || hadNoEffect(error)) {
      const unrecorded = { kind, failed: failureOf(error)?.code ?? 'INTERNAL' }
      const release = () => ledger.idempotencyRecords.release(held, held.holder)
      await write(unrecorded, release).catch(context.onError)
      throw error
    }
    const failure = lastingFailureOf(error)
    const finish = () => ledger.idempotencyRecords.finish(held, { failure })
    await write({ kind, failed: failure.code }, finish).catch(context.onError)
    // Without an idempotency key the outcome cannot be requested again, so the original error is thrown.
    if (create.idempotencyKey === undefined || failureOf(error) === null) throw error
    throw new RequestError(failure)
  }
}

/** Maximum milliseconds that a caller waits until the outcome is written. Writing continues after that. */
const MAX_CALLER_WAIT_MS = 2_000

/**
 * Extends the lease of the record until the returned function has written the outcome. That function returns the result
 * of `write`. While the storage fails it returns null without waiting, and writing continues in the background.
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

/** Temporary errors with which 0-0 may refuse a create. */
const TEMPORARY: ReadonlySet<UpstreamErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'RATE_LIMITED',
  'UPSTREAM_UNAVAILABLE',
])

/**
 * Returns whether a create that was sent has certainly had no effect, for a temporary reason. A RequestError of this
 * service means that the create had no effect.
 */
function hadNoEffect(error: unknown): boolean {
  if (error instanceof UpstreamError) return !error.mayBeDone && TEMPORARY.has(error.code)
  return error instanceof RequestError && !(error instanceof LedgerUnavailable)
}

/** Returns the failure that every later call with the idempotency key throws. */
function lastingFailureOf(error: unknown): Failure {
  const failure = failureOf(error)
  if (failure === null) return OUTCOME_UNKNOWN
  const isKnown = error instanceof UpstreamError && !error.mayBeDone
  if (isKnown || failure.code === 'OUTCOME_UNKNOWN') return failure
  const message = `${OUTCOME_UNKNOWN.message} The answer was: ${failure.message}`
  return { ...OUTCOME_UNKNOWN, message }
}
