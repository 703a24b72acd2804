import type { Entity } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AfterPoll, ClaimedJob, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
import { keyOf, type VideoTaskSnapshot } from '../model/entities.ts'
import type { CreateVideoTaskRequest } from '../model/requests.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'
import { obstacleOf } from './obstacle.ts'
import { reasonOf } from './reason.ts'
import { after, growGap, jittered, lengthened, type Pace, stretchGap } from './schedule.ts'

/** Options of `createSubmission`. */
interface SubmissionOptions {
  ledger: Ledger
  upstream: UpstreamClient
  /** The key of this service for 0-0; null: each tenant has its own key. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  /** Milliseconds from sending a task to the end of its polling. */
  deadlineMs: number
  /**
   * Milliseconds that a sender may need to record the outcome of a task, e.g. after a database outage; absent: 20 s.
   */
  senderGraceMs?: number | undefined
  /** Returns a number in [0, 1) for jitter; absent: Math.random. */
  random?: (() => number) | undefined
  /** Called with errors of this service, e.g. when 0-0 refuses its key. */
  onError(error: unknown): void
  /** Called when 0-0 has accepted a task but another process has already recorded its outcome as unknown. */
  onUnrecorded(task: { key: string; taskId: string }): void
}

/** The poll job of a task that 0-0 has not accepted. */
type WaitingTask = ClaimedJob<'videoTask'> & { submission: 'WAITING' | 'SENT' }

/**
 * Processes the claimed job of a waiting task, and releases the claim. Sends nothing after `stopping` has aborted.
 * Throws an error of the ledger.
 */
export type Submit = (
  task: WaitingTask,
  credential: string | null,
  stopping: AbortSignal,
) => Promise<void>

/** Returns whether a poll job belongs to a task that 0-0 has not accepted. */
export function isSubmission(job: ClaimedPollJob): job is WaitingTask {
  return job.kind === 'videoTask' && job.submission !== null
}

/** More than the time to reconnect after an outage: 5 s for a connection and 10 s for a query. */
const SENDER_GRACE_MS = 20_000

/**
 * Creates the function that sends a waiting task once, as soon as its assets are ACTIVE. The task is recorded as SENT
 * before it is sent. A process that finds a SENT task without an outcome waits `senderGraceMs` for its sender, and then
 * records FAILED.
 */
export function createSubmission(options: SubmissionOptions): Submit {
  const submission = new Submission(options)
  return (task, credential, stopping) => submission.handle(task, credential, stopping)
}

class Submission {
  readonly #options: SubmissionOptions
  readonly #random: () => number

  constructor(options: SubmissionOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  async handle(task: WaitingTask, credential: string | null, stopping: AbortSignal): Promise<void> {
    if (task.submission === 'SENT') return this.#awaitSender(task)
    const request = task.origin?.request ?? null
    if (request === null) return this.#fail(task, NO_REQUEST)
    if (credential === null) return this.#fail(task, NO_KEY)
    const assets = await this.#referencedAssets(task, request)
    const obstacle = obstacleOf(assets, task.deadlineAt)
    if (obstacle !== null) {
      const { reason, ...details } = obstacle
      return this.#fail(task, `${reason} Nothing was sent to 0-0.`, details)
    }
    if (!assets.every((asset) => asset?.snapshot.status === 'ACTIVE')) {
      const { asset } = this.#options.pace
      const gapMs = growGap(task.gapMs, asset)
      return this.#checkAgain(task, gapMs, after(jittered(gapMs, asset, this.#random())))
    }
    if (stopping.aborted) return this.#checkAgain(task, task.gapMs, new Date())
    await this.#send(task, request, credential)
  }

  async #send(
    task: WaitingTask,
    request: CreateVideoTaskRequest,
    credential: string,
  ): Promise<void> {
    const { ledger, upstream, pace, deadlineMs, onUnrecorded } = this.#options
    if (!(await ledger.pollJobs.markSent(task))) return
    try {
      const call = { credential, requestId: crypto.randomUUID() }
      const created = await upstream.createVideoTask(request, call)
      const gapMs = pace.videoTask.minMs
      const then = { gapMs, nextPollAt: after(gapMs), deadlineAt: after(deadlineMs) }
      const ids = { key: task.key, taskId: created.taskId }
      const conclude = () => ledger.pollJobs.concludeSent(task, created, then)
      const recorded = await ledger.persist({ kind: task.kind, ...ids }, conclude)
      if (!recorded) onUnrecorded(ids)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      await this.#recordFailure(task, error)
    }
  }

  async #recordFailure(task: WaitingTask, error: UpstreamError): Promise<void> {
    const { ledger, heldKey, onError } = this.#options
    if (error.code === 'UNAUTHENTICATED' && heldKey !== null) onError(error)
    const { observed, next } = this.#outcomeOf(task, error)
    const conclude = () => ledger.pollJobs.concludeSent(task, observed, next)
    await ledger.persist({ kind: task.kind, key: task.key, failed: error.code }, conclude)
  }

  /** The task waits again only when the response proves that 0-0 has done nothing (upstream-api 10.1). */
  #outcomeOf(task: WaitingTask, error: UpstreamError): Outcome {
    if (error.mayBeDone) return failed(task, error.message, { failureCode: 'OUTCOME_UNKNOWN' })
    const { heldKey, pace } = this.#options
    const reason = `0-0 did not take the task: ${reasonOf(error, heldKey)} Nothing was done.`
    if (error.code !== 'RATE_LIMITED' && error.code !== 'UPSTREAM_UNAVAILABLE') {
      return failed(task, reason, { failureCode: error.upstreamCode })
    }
    const notBefore = after(lengthened(error.retryAfterMs ?? 0, this.#random()))
    // The pause ends after the deadline, so the task can never be sent.
    if (notBefore >= task.deadlineAt) return failed(task, reason, { failureCode: 'DEADLINE' })
    const gapMs = stretchGap(task.gapMs, pace.videoTask)
    const gapEnds = after(jittered(gapMs, pace.videoTask, this.#random()))
    const nextPollAt = notBefore > gapEnds ? notBefore : gapEnds
    return { observed: null, next: { gapMs, nextPollAt, notBefore, submission: 'WAITING' } }
  }

  /** Returns the assets that the task refers to; null for an asset that the ledger does not contain. */
  #referencedAssets(
    { tenant }: WaitingTask,
    { resources }: CreateVideoTaskRequest,
  ): Promise<(Entity<'asset'> | null)[]> {
    const keys = resources.flatMap(({ platform, assetId }) =>
      assetId === undefined ? [] : [keyOf({ platform, id: assetId })],
    )
    const { ledger } = this.#options
    return Promise.all(keys.map((key) => ledger.find({ tenant, kind: 'asset', key })))
  }

  /** The first process that finds the task sets the time until which the sender may still record the outcome. */
  async #awaitSender(task: WaitingTask): Promise<void> {
    if (task.notBefore.getTime() > 0) {
      return this.#fail(task, UNANSWERED, { failureCode: 'OUTCOME_UNKNOWN' })
    }
    const graceEnds = after(this.#options.senderGraceMs ?? SENDER_GRACE_MS)
    await this.#options.ledger.pollJobs.conclude(task, null, {
      gapMs: task.gapMs,
      nextPollAt: graceEnds,
      notBefore: graceEnds,
      submission: 'SENT',
      // The due time of a job must not be after its deadline.
      deadlineAt: task.deadlineAt > graceEnds ? task.deadlineAt : graceEnds,
    })
  }

  async #checkAgain(task: WaitingTask, gapMs: number, nextPollAt: Date): Promise<void> {
    const then = { gapMs, nextPollAt, submission: 'WAITING' } as const
    await this.#options.ledger.pollJobs.conclude(task, null, then)
  }

  async #fail(task: WaitingTask, reason: string, details?: FailureDetails): Promise<void> {
    const { observed, next } = failed(task, reason, details)
    await this.#options.ledger.pollJobs.conclude(task, observed, next)
  }
}

/** The values with which the claim of a task is concluded. */
interface Outcome {
  observed: VideoTaskSnapshot | null
  next: AfterPoll
}

/** The code of a failure and the asset to blame, if they are known. */
type FailureDetails = Pick<VideoTaskSnapshot, 'failureCode' | 'failedAssetKey'>

function failed(
  { snapshot }: WaitingTask,
  failureReason: string,
  details: FailureDetails = {},
): Outcome {
  const observed = { ...snapshot, status: 'FAILED', failureReason, ...details } as const
  return { observed, next: { pollingEndedReason: failureReason } }
}

const UNANSWERED =
  'It was sent to 0-0 and no answer was recorded, so its outcome is unknown. It is not sent again.'
const NO_REQUEST = 'The request for 0-0 is not known any more. Nothing was sent to 0-0.'
const NO_KEY = 'The key it was registered with can no longer be read. Nothing was sent to 0-0.'
