import { createHash, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { type Creation, type CreationKey, EXTEND_EVERY_MS } from '../ledger/creations.ts'
import type { Created, Registration } from '../ledger/ledger.ts'
import type { Kind, Resource } from '../ledger/resource.ts'
import { LedgerUnavailable } from '../ledger/unavailable.ts'
import type { UpstreamCall } from '../upstream/client.ts'
import type { Caller, Context } from './context.ts'
import { type Failure, failureOf, Refusal } from './failure.ts'

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
 * recorded, also when the caller has left or the database is away meanwhile.
 *
 * Throws the failure of the first, OUTCOME_UNKNOWN when nobody can know it, IDEMPOTENCY_CONFLICT when the key named
 * another request, and SERVICE_UNAVAILABLE when nothing can be written down, hence nothing sent.
 */
export async function createOnce<K extends Kind>(
  create: Create<K>,
  context: Context,
): Promise<Resource<K>> {
  const caller = context.caller()
  const { ledger } = context
  const key = { tenant: caller.tenant, idempotencyKey: create.idempotencyKey ?? randomUUID() }
  const known = await begin(key, create, context)
  switch (known.state) {
    case 'OURS':
      return context.seeThrough(sendAndRecord(key, create, caller, context))
    case 'CONFLICT':
      throw new Refusal(CONFLICT)
    case 'UNKNOWN':
      throw new Refusal(UNKNOWN)
    case 'DONE': {
      if ('failure' in known.outcome) throw new Refusal(known.outcome.failure)
      const address = { tenant: caller.tenant, kind: create.kind, key: known.outcome.key }
      const resource = await ledger.find(address)
      if (resource) return resource
      throw new Error(`What ${key.idempotencyKey} created is not in the ledger.`)
    }
  }
}

/** What is known of it, once nobody is sending it any more. */
async function begin<K extends Kind>(
  key: CreationKey,
  { kind, request }: Create<K>,
  { ledger, caller }: Context,
): Promise<Exclude<Creation<Outcome>, { state: 'SENDING' }>> {
  const fingerprint = createHash('sha256')
    .update(canonical([kind, request]))
    .digest('hex')
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(LAST_LOOK_MS, waitMs * 2)) {
    const known = await ledger.creations.begin<Outcome>(key, fingerprint)
    if (known.state !== 'SENDING') return known
    await pause(waitMs, undefined, { signal: caller().signal })
  }
}

async function sendAndRecord<K extends Kind>(
  creation: CreationKey,
  { kind, send, origin }: Create<K>,
  { tenant, credential, requestId, signal }: Caller,
  { ledger, onError, seeThrough }: Context,
): Promise<Resource<K>> {
  let sent = false
  const onSent = () => {
    sent = true
  }
  const atWork = setInterval(() => {
    ledger.creations.extend(creation).catch(() => {})
  }, EXTEND_EVERY_MS)
  try {
    const { key, snapshot } = await send({ credential, requestId, signal, onSent })
    const registration = { snapshot, origin, credential, creation }
    const register = () => ledger.register({ tenant, kind, key }, registration)
    return await register().catch((error) => {
      if (!(error instanceof LedgerUnavailable)) throw error
      // The caller need not wait for the database to come back; the record has to.
      seeThrough(ledger.persist({ kind, key }, register)).catch(onError)
      return { key, snapshot, origin, note: null, settled: false, seq: 0, observedAt: new Date() }
    })
  } catch (error) {
    const failure = failureOf(error)
    const { creations } = ledger
    // A request that is refused for its key has not been looked at.
    const isDone = sent && failure?.code !== 'UNAUTHENTICATED'
    const outcome = { failure: failure ?? UNKNOWN }
    const finish = () => creations.finish(creation, outcome)
    const persist = () => ledger.persist({ kind, failed: outcome.failure.code }, finish)
    if (isDone) await finish().catch(() => seeThrough(persist()).catch(onError))
    // Tried once: by a later time the key may be somebody else's. Then it is UNKNOWN, which is safe.
    else await creations.release(creation).catch(onError)
    throw error
  } finally {
    clearInterval(atWork)
  }
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
