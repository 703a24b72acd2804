import type { Entity } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
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
  pace: Record<PolledKind, Pace>
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

  /** Ends the claim of `job` in every case. Nothing is sent once `stopping` is aborted. */
  return async (
    job: ClaimedPollJob,
    credential: string | null,
    stopping: AbortSignal,
  ): Promise<void> => {
    if (job.submission === 'SENT') return awaitSender(job)
    const request = requestOf(job)
    if (request === null) return fail(job, NO_REQUEST)
    if (credential === null) return fail(job, NO_KEY)
    const assets = await referencedAssets(job, request)
    const obstacle = obstacleOf(assets, job)
    if (obstacle !== null) return fail(job, `${obstacle} Nothing was sent to 0-0.`)
    const isReady = assets.every((asset) => asset?.snapshot.status === 'ACTIVE')
    if (!isReady) {
      const gapMs = growGap(job.gapMs, pace.asset)
      return lookAgain(job, gapMs, after(jittered(gapMs, pace.asset, random())))
    }
    if (stopping.aborted) return lookAgain(job, job.gapMs, new Date())
    await send(job, request, credential)
  }

  async function send(
    job: ClaimedPollJob,
    request: CreateVideoTaskRequest,
    credential: string,
  ): Promise<void> {
    if (!(await ledger.pollJobs.markSent(job))) return
    try {
      const call = { credential, requestId: crypto.randomUUID() }
      const created = await upstream.createVideoTask(request, call)
      const gapMs = pace.videoTask.minMs
      const deadlineAt = after(deadlineMs)
      const then = { gapMs, nextPollAt: after(gapMs), deadlineAt }
      const task = { key: job.key, taskId: created.taskId }
      const conclude = () => ledger.pollJobs.concludeSent(job, created, then)
      const recorded = await ledger.persist({ kind: job.kind, ...task }, conclude)
      if (!recorded) onUnrecorded(task)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      await afterFailure(job, error)
    }
  }

  async function afterFailure(job: ClaimedPollJob, error: UpstreamError): Promise<void> {
    if (error.code === 'UNAUTHENTICATED' && heldKey !== null) onError(error)
    const { seen, next } = outcomeOf(job, error)
    const conclude = () => ledger.pollJobs.concludeSent(job, seen, next)
    await ledger.persist({ kind: job.kind, key: job.key, failed: error.code }, conclude)
  }

  /** Only an answer which proves that nothing was done lets the task wait on (upstream-api 10.1). */
  function outcomeOf(job: ClaimedPollJob, error: UpstreamError): Outcome {
    if (error.mayBeDone) return failed(job, error.message)
    const reason = `0-0 did not take the task: ${reasonOf(error, heldKey)} Nothing was done.`
    if (error.code !== 'RATE_LIMITED' && error.code !== 'UPSTREAM_UNAVAILABLE') {
      return failed(job, reason)
    }
    const notBefore = after(lengthened(error.retryAfterMs ?? 0, random()))
    // By then it is too late to send it, and nothing that happens before can change that.
    if (notBefore >= job.deadlineAt) return failed(job, reason)
    const gapMs = stretchGap(job.gapMs, pace.videoTask)
    const gapEnds = after(jittered(gapMs, pace.videoTask, random()))
    const nextPollAt = notBefore > gapEnds ? notBefore : gapEnds
    return { seen: null, next: { gapMs, nextPollAt, notBefore, submission: 'WAITING' } }
  }

  /** The assets the task names, as the ledger has them; null for one that it does not have. */
  function referencedAssets(
    { tenant }: ClaimedPollJob,
    { resources }: CreateVideoTaskRequest,
  ): Promise<(Entity<'asset'> | null)[]> {
    const keys = resources.flatMap(({ platform, assetId }) =>
      assetId === undefined ? [] : [keyOf({ platform, id: assetId })],
    )
    return Promise.all(keys.map((key) => ledger.find({ tenant, kind: 'asset', key })))
  }

  /** Whoever finds the task first says until when its sender may still answer. */
  async function awaitSender(job: ClaimedPollJob): Promise<void> {
    if (job.notBefore.getTime() > 0) return fail(job, UNANSWERED)
    const graceEnds = after(senderGraceMs)
    await ledger.pollJobs.conclude(job, null, {
      gapMs: job.gapMs,
      nextPollAt: graceEnds,
      notBefore: graceEnds,
      submission: 'SENT',
      // The next look is never later than the deadline.
      deadlineAt: job.deadlineAt > graceEnds ? job.deadlineAt : graceEnds,
    })
  }

  async function lookAgain(job: ClaimedPollJob, gapMs: number, nextPollAt: Date): Promise<void> {
    await ledger.pollJobs.conclude(job, null, { gapMs, nextPollAt, submission: 'WAITING' })
  }

  async function fail(job: ClaimedPollJob, failureReason: string): Promise<void> {
    const { seen, next } = failed(job, failureReason)
    await ledger.pollJobs.conclude(job, seen, next)
  }
}

/** What ends the claim of a task. */
interface Outcome {
  seen: VideoTaskSnapshot | null
  next: AfterPoll
}

function failed({ snapshot }: ClaimedPollJob, failureReason: string): Outcome {
  const seen = { ...(snapshot as VideoTaskSnapshot), status: 'FAILED', failureReason } as const
  return { seen, next: { endedBecause: failureReason } }
}

const UNANSWERED =
  'It was sent to 0-0 and no answer was recorded, so its outcome is unknown. It is not sent again.'
const NO_REQUEST = 'What was to be sent to 0-0 is not known any more. Nothing was sent to 0-0.'
const NO_KEY = 'The key it was registered with can no longer be read. Nothing was sent to 0-0.'

function requestOf({ origin }: ClaimedPollJob): CreateVideoTaskRequest | null {
  return origin && 'request' in origin ? origin.request : null
}

/** Why the task can never be sent, or null: an asset failed, or is not ACTIVE when its polling or the task's time ends. */
function obstacleOf(
  assets: (Entity<'asset'> | null)[],
  { deadlineAt }: ClaimedPollJob,
): string | null {
  const known = assets.filter((asset) => asset !== null)
  const failed = known.find(({ snapshot }) => snapshot.status === 'FAILED')
  if (failed) {
    const { assetId, failureReason } = failed.snapshot
    return `The asset ${assetId} failed: ${failureReason ?? 'no reason given'}.`
  }
  const pending = known.filter(({ snapshot }) => snapshot.status !== 'ACTIVE')
  const unpolled = pending.find(({ pollingEndedReason }) => pollingEndedReason !== null)
  if (unpolled) return stillPending(unpolled, unpolled.observedAt)
  if (deadlineAt.getTime() > Date.now()) return null
  if (pending[0]) return stillPending(pending[0], deadlineAt)
  const isMissing = known.length < assets.length
  return isMissing ? `An asset it names was not known at ${deadlineAt.toISOString()}.` : null
}

function stillPending({ snapshot }: Entity<'asset'>, at: Date): string {
  return `The asset ${snapshot.assetId} was still ${snapshot.status} at ${at.toISOString()}.`
}
