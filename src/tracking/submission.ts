import type { Ledger } from '../ledger/ledger.ts'
import type { Resource } from '../ledger/resource.ts'
import type { AfterPoll, ClaimedWatch, WatchedKind } from '../ledger/watches.ts'
import { type CreateVideoTaskRequest, keyOf, type VideoTaskSnapshot } from '../model.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/errors.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

export interface SubmissionOptions {
  ledger: Ledger
  upstream: UpstreamClient
  /** The key the service itself holds; null: each task has its own. */
  heldKey: string | null
  pace: Record<WatchedKind, Pace>
  /** How long a task is polled once it was sent. */
  deadlineMs: number
  /** How long the sender of a task may be kept from recording its outcome, e.g. by a database that was away. */
  senderGraceMs?: number | undefined
  /** In [0, 1), for jitter. */
  random?: (() => number) | undefined
  /** What went wrong on our side, e.g. that 0-0 refuses the key of the service. */
  onError(error: unknown): void
  /** 0-0 took a task whose claim was lost meanwhile, so that another process has declared its outcome unknown. */
  onUnrecorded(task: { key: string; taskId: string }): void
}

/** Longer than a sender needs to reconnect after an outage: 5 s for a connection and 10 s for a query. */
const SENDER_GRACE_MS = 20_000

/**
 * Sends a waiting task as soon as its assets are ACTIVE, once: that it is being sent is recorded before it is. Whoever
 * finds it sent without an answer gives its sender time to record one, and can only declare it FAILED after that.
 */
export function createSubmission(options: SubmissionOptions) {
  const { ledger, upstream, heldKey, pace, deadlineMs, onError, onUnrecorded } = options
  const senderGraceMs = options.senderGraceMs ?? SENDER_GRACE_MS
  const random = options.random ?? Math.random

  /** Ends the claim of `watch`, one way or another. Nothing is sent once `stopping` is aborted. */
  return async (
    watch: ClaimedWatch,
    credential: string | null,
    stopping: AbortSignal,
  ): Promise<void> => {
    if (watch.submission === 'SENT') return awaitSender(watch)
    const request = requestOf(watch)
    if (request === null) return fail(watch, NO_REQUEST)
    if (credential === null) return fail(watch, NO_KEY)
    const assets = await referencedAssets(watch, request)
    const obstacle = obstacleOf(assets, watch)
    if (obstacle !== null) return fail(watch, `${obstacle} Nothing was sent to 0-0.`)
    const isReady = assets.every((asset) => asset?.snapshot.status === 'ACTIVE')
    if (!isReady) {
      const gapMs = growGap(watch.gapMs, pace.asset)
      return lookAgain(watch, gapMs, after(jittered(gapMs, pace.asset, random())))
    }
    if (stopping.aborted) return lookAgain(watch, watch.gapMs, new Date())
    await send(watch, request, credential)
  }

  async function send(
    watch: ClaimedWatch,
    request: CreateVideoTaskRequest,
    credential: string,
  ): Promise<void> {
    if (!(await ledger.watches.markSent(watch))) return
    try {
      const call = { credential, requestId: crypto.randomUUID() }
      const created = await upstream.createVideoTask(request, call)
      const gapMs = pace.videoTask.minMs
      const deadlineAt = after(deadlineMs)
      const then = { gapMs, nextPollAt: after(gapMs), deadlineAt }
      const task = { key: watch.key, taskId: created.taskId }
      const conclude = () => ledger.watches.concludeSent(watch, created, then)
      const recorded = await ledger.persist({ kind: watch.kind, ...task }, conclude)
      if (!recorded) onUnrecorded(task)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      await afterFailure(watch, error)
    }
  }

  async function afterFailure(watch: ClaimedWatch, error: UpstreamError): Promise<void> {
    if (error.code === 'UNAUTHENTICATED' && heldKey !== null) onError(error)
    const { seen, next } = outcomeOf(watch, error)
    const conclude = () => ledger.watches.concludeSent(watch, seen, next)
    await ledger.persist({ kind: watch.kind, key: watch.key, failed: error.code }, conclude)
  }

  /** Only an answer which proves that nothing was done lets the task wait on (upstream-api 10.1). */
  function outcomeOf(watch: ClaimedWatch, error: UpstreamError): Outcome {
    if (error.mayBeDone) return failed(watch, error.message)
    const reason = `0-0 did not take the task: ${reasonOf(error, heldKey)} Nothing was done.`
    if (error.code !== 'RATE_LIMITED' && error.code !== 'UPSTREAM_UNAVAILABLE') {
      return failed(watch, reason)
    }
    const notBefore = after(lengthened(error.retryAfterMs ?? 0, random()))
    // By then it is too late to send it, and nothing that happens before can change that.
    if (notBefore >= watch.deadlineAt) return failed(watch, reason)
    const gapMs = stretchGap(watch.gapMs, pace.videoTask)
    const gapEnds = after(jittered(gapMs, pace.videoTask, random()))
    const nextPollAt = notBefore > gapEnds ? notBefore : gapEnds
    return { seen: null, next: { gapMs, nextPollAt, notBefore, submission: 'WAITING' } }
  }

  /** The assets the task names, as the ledger has them; null for one that it does not have. */
  function referencedAssets(
    { tenant }: ClaimedWatch,
    { resources }: CreateVideoTaskRequest,
  ): Promise<(Resource<'asset'> | null)[]> {
    const keys = resources.flatMap(({ platform, assetId }) =>
      assetId === undefined ? [] : [keyOf({ platform, id: assetId })],
    )
    return Promise.all(keys.map((key) => ledger.find({ tenant, kind: 'asset', key })))
  }

  /** Whoever finds the task first says until when its sender may still answer. */
  async function awaitSender(watch: ClaimedWatch): Promise<void> {
    if (watch.notBefore.getTime() > 0) return fail(watch, UNANSWERED)
    const graceEnds = after(senderGraceMs)
    await ledger.watches.conclude(watch, null, {
      gapMs: watch.gapMs,
      nextPollAt: graceEnds,
      notBefore: graceEnds,
      submission: 'SENT',
      // The next look is never later than the deadline.
      deadlineAt: watch.deadlineAt > graceEnds ? watch.deadlineAt : graceEnds,
    })
  }

  async function lookAgain(watch: ClaimedWatch, gapMs: number, nextPollAt: Date): Promise<void> {
    await ledger.watches.conclude(watch, null, { gapMs, nextPollAt, submission: 'WAITING' })
  }

  async function fail(watch: ClaimedWatch, failureReason: string): Promise<void> {
    const { seen, next } = failed(watch, failureReason)
    await ledger.watches.conclude(watch, seen, next)
  }
}

/** What ends the claim of a task. */
interface Outcome {
  seen: VideoTaskSnapshot | null
  next: AfterPoll
}

function failed({ snapshot }: ClaimedWatch, failureReason: string): Outcome {
  const seen = { ...(snapshot as VideoTaskSnapshot), status: 'FAILED', failureReason } as const
  return { seen, next: { endedBecause: failureReason } }
}

const UNANSWERED =
  'It was sent to 0-0 and no answer was recorded, so its outcome is unknown. It is not sent again.'
const NO_REQUEST = 'What was to be sent to 0-0 is not known any more. Nothing was sent to 0-0.'
const NO_KEY = 'The key it was registered with can no longer be read. Nothing was sent to 0-0.'

function requestOf({ origin }: ClaimedWatch): CreateVideoTaskRequest | null {
  return origin && 'request' in origin ? origin.request : null
}

/** Why the task can never be sent, or null: an asset failed, or is not ACTIVE when its polling or the task's time ends. */
function obstacleOf(
  assets: (Resource<'asset'> | null)[],
  { deadlineAt }: ClaimedWatch,
): string | null {
  const known = assets.filter((asset) => asset !== null)
  const failed = known.find(({ snapshot }) => snapshot.status === 'FAILED')
  if (failed) {
    const { assetId, failureReason } = failed.snapshot
    return `The asset ${assetId} failed: ${failureReason ?? 'no reason given'}.`
  }
  const pending = known.filter(({ snapshot }) => snapshot.status !== 'ACTIVE')
  const unpolled = pending.find(({ note }) => note !== null)
  if (unpolled) return stillPending(unpolled, unpolled.observedAt)
  if (deadlineAt.getTime() > Date.now()) return null
  if (pending[0]) return stillPending(pending[0], deadlineAt)
  const isMissing = known.length < assets.length
  return isMissing ? `An asset it names was not known at ${deadlineAt.toISOString()}.` : null
}

function stillPending({ snapshot }: Resource<'asset'>, at: Date): string {
  return `The asset ${snapshot.assetId} was still ${snapshot.status} at ${at.toISOString()}.`
}
