import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Created, Registration } from '../ledger/entities.ts'
import type { Entity, Kind } from '../ledger/entity.ts'
import {
  EXTEND_EVERY_MS,
  type IdempotencyRecord,
  type IdempotencyRecordKey,
} from '../ledger/idempotency-records.ts'
import type { Unrecorded } from '../ledger/ledger.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'
import type { UpstreamCall } from '../upstream/call.ts'
import { UpstreamError, type UpstreamErrorCode } from '../upstream/errors.ts'
import type { Context } from './context.ts'
import { type Failure, failureOf, RequestError } from './failure.ts'
import { unlessAway } from './null-if-not-found.ts'

/** A create that is asked for. */
export interface Create<K extends Kind> {
  kind: K
  /** What is asked for, in plain values: a repeat with another request is refused. */
  request: object
  /** Names it, so that a repeat gets the first outcome. */
  idempotencyKey: string | undefined
  /** Does it. Until it calls `onSent` nothing has left; then it may have happened, whatever it throws. */
  send(call: UpstreamCall): Promise<{ key: string; snapshot: Registration<K>['snapshot'] }>
  origin: Registration<K>['origin']
}

type Outcome = Created | { failure: Failure }

const FIRST_LOOK_MS = 25
const LAST_LOOK_MS = 500

/**
 * Creates what is asked for, at most once for each key: that it is about to be sent is written down before it is, and
 * every later call with the key gets the outcome of the first, which it waits for. What was sent is seen through and
 * recorded, also when the caller has left or the database is away meanwhile. What certainly did nothing, for a reason that
 * can pass, gives the key back (docs/decisions/0014).
 *
 * Throws the failure of the first, OUTCOME_UNKNOWN when nobody can know it, IDEMPOTENCY_CONFLICT when the key named
 * another request, and SERVICE_UNAVAILABLE when nothing can be written down, hence nothing sent.
 */
export async function createOnce<K extends Kind>(
  create: Create<K>,
  context: Context,
): Promise<Entity<K>> {
  const { tenant } = context.caller()
  const key = { tenant, idempotencyKey: create.idempotencyKey ?? randomUUID() }
  const known = await begin(key, create, context)
  switch (known.state) {
    case 'OURS':
      return context.waitUntil(sendAndRecord({ ...key, holder: known.holder }, create, context))
    case 'CONFLICT':
      throw new RequestError(CONFLICT)
    case 'UNKNOWN':
      throw new RequestError(UNKNOWN)
    case 'DONE': {
      if ('failure' in known.outcome) throw new RequestError(lasting(known.outcome.failure))
      const address = { tenant, kind: create.kind, key: known.outcome.key }
      const resource = await context.ledger.find(address)
      if (resource) return resource
      throw new Error(`What ${key.idempotencyKey} created is not in the ledger.`)
    }
  }
}

/** What is known of it, once nobody is sending it any more. */
async function begin<K extends Kind>(
  key: IdempotencyRecordKey,
  { kind, request }: Create<K>,
  { ledger, caller }: Context,
): Promise<Exclude<IdempotencyRecord<Outcome>, { state: 'SENDING' }>> {
  const fingerprint = createHash('sha256')
    .update(canonical([kind, request]))
    .digest('hex')
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(LAST_LOOK_MS, waitMs * 2)) {
    const known = await ledger.idempotencyRecords.begin<Outcome>(key, fingerprint)
    if (known.state !== 'SENDING') return known
    await pause(waitMs, undefined, { signal: caller().signal })
  }
}

/** A key that this call holds, until what came of it is written. */
type Claim = IdempotencyRecordKey & { holder: string }

async function sendAndRecord<K extends Kind>(
  claim: Claim,
  { kind, send, origin, idempotencyKey }: Create<K>,
  context: Context,
): Promise<Entity<K>> {
  const { tenant, credential, requestId, signal } = context.caller()
  const { ledger, onError } = context
  const record = keepLease(claim, context)
  let sent = false
  const onSent = () => {
    sent = true
  }
  try {
    const { key, snapshot } = await send({ credential, requestId, signal, onSent })
    const registration = { snapshot, origin, credential, idempotencyRecord: claim }
    const register = () => ledger.register({ tenant, kind, key }, registration)
    const registered = await record({ kind, key }, register)
    if (registered) return registered
    return {
      key,
      snapshot,
      origin,
      pollingEnded: false,
      pollingEndedReason: null,
      seq: 0,
      observedAt: new Date(),
    }
  } catch (error) {
    if (!sent || mayBeSentAgain(error)) {
      const release = () => ledger.idempotencyRecords.release(claim, claim.holder)
      await record({ kind, failed: failureOf(error)?.code ?? 'INTERNAL' }, release).catch(onError)
      throw error
    }
    const failure = lastingFailureOf(error)
    const finish = () => ledger.idempotencyRecords.finish(claim, { failure })
    await record({ kind, failed: failure.code }, finish).catch(onError)
    // Without a key nobody can ask again under it, so the error keeps its own type.
    if (idempotencyKey === undefined || failureOf(error) === null) throw error
    throw new RequestError(failure)
  }
}

/** For how long a caller waits for the outcome to be written; it is written after that all the same. */
const RECORD_PATIENCE_MS = 2_000

/**
 * Keeps the claim until the returned function has written what came of it. That gives what `write` gives, or null when the
 * database is away: then the caller need not wait for it to come back, and the writing goes on until it has.
 */
function keepLease(claim: Claim, { ledger, waitUntil, onError }: Context) {
  const extending = setInterval(() => {
    ledger.idempotencyRecords.extend(claim).catch(() => {})
  }, EXTEND_EVERY_MS)
  return <T>(created: Unrecorded, write: () => Promise<T>): Promise<T | null> => {
    const first = write()
    const written = first
      .catch((error) => {
        if (error instanceof LedgerUnavailable) return ledger.persist(created, write)
        throw error
      })
      .finally(() => clearInterval(extending))
    waitUntil(written).catch(onError)
    const patience = pause(RECORD_PATIENCE_MS, null, { ref: false })
    return Promise.race([first.catch(unlessAway), patience])
  }
}

/** Reasons that can pass, when 0-0 has certainly done nothing. */
const PASSING: ReadonlySet<UpstreamErrorCode> = new Set([
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'PAYMENT_REQUIRED',
  'RATE_LIMITED',
  'UPSTREAM_UNAVAILABLE',
])

/** Whether a create that left did certainly nothing, for a reason that can pass; a refusal of ours did nothing either. */
function mayBeSentAgain(error: unknown): boolean {
  if (error instanceof RequestError) return true
  return error instanceof UpstreamError && !error.mayBeDone && PASSING.has(error.code)
}

/** What every later call with the key is told of a create that left, and that is not sent again. */
function lastingFailureOf(error: unknown): Failure {
  const failure = failureOf(error)
  if (failure === null) return UNKNOWN
  const isKnown = error instanceof UpstreamError && !error.mayBeDone
  if (isKnown || failure.code === 'OUTCOME_UNKNOWN') return failure
  return { ...UNKNOWN, message: `${UNKNOWN.message} The answer was: ${failure.message}` }
}

/** Versions before this one also kept failures that can pass; under the same key those can not. */
function lasting(failure: Failure): Failure {
  return failure.retryable ? UNKNOWN : failure
}

const CONFLICT: Failure = {
  code: 'IDEMPOTENCY_CONFLICT',
  message: 'This idempotency key was used with another input. Nothing was sent to 0-0.',
  retryable: false,
}

const UNKNOWN: Failure = {
  code: 'OUTCOME_UNKNOWN',
  message: 'It is not known whether 0-0 did this; it is not sent again.',
  retryable: false,
}

/** The same text for the same values, whatever order their fields are in. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_name, part) =>
    part && typeof part === 'object' && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  )
}
