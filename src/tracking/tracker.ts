import { setTimeout as pause } from 'node:timers/promises'
import type { Snapshot } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
import { timerDelayTo } from '../model/timer.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/upstream-error.ts'
import { createNextPoll, type NextPollDecisions, type RefusedPolls } from './next-poll.ts'
import { after, type Pace } from './schedule.ts'
import { createSubmission, isSubmission, type Submit } from './submission.ts'

/** Options of `startTracker`. */
export interface TrackerOptions {
  ledger: Ledger
  upstream: UpstreamClient
  /** The key of this service for 0-0; null: each tenant has its own key. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  /** Milliseconds after which the polling of an entity ends without a terminal status. */
  deadlineMs: number
  /** Milliseconds that the sender of a waiting task may need to record its outcome; absent: 20 s. */
  senderGraceMs?: number | undefined
  /** Maximum concurrent polls. */
  maxInFlight: number
  /** Maximum polls per second of one tenant. */
  maxRps: number
  /** Milliseconds after which another process can take over the claims of a process that has ended. */
  leaseMs: number
  /** Milliseconds for which transitions and idempotency records are kept. */
  retentionMs: number
  /** Milliseconds between two deletions of older records; absent: one hour. */
  pruneEveryMs?: number | undefined
  /** The limits of polling after NOT_FOUND or FORBIDDEN; absent: REFUSED_POLLS. */
  refusedPolls?: RefusedPolls | undefined
  /** Returns a number in [0, 1) for jitter; absent: Math.random. */
  random?: (() => number) | undefined
  /** Called with errors of this service, e.g. of the ledger. The tracker continues. */
  onError(error: unknown): void
  /** Called when 0-0 has accepted a task but another process has already recorded its outcome as unknown. */
  onUnrecorded(task: { key: string; taskId: string }): void
  /** Called when a poll took longer than its lease and another process holds the claim. Its result is not recorded. */
  onLeaseLost(job: ClaimedPollJob): void
  /** Called when a poll begins, `lagMs` after it was due. */
  onPoll?: ((poll: { kind: PolledKind; lagMs: number }) => void) | undefined
}

/** A running tracker. */
export interface Tracker {
  /** Stops claiming poll jobs, aborts and releases those in flight, and resolves when all polls have ended. */
  stop(): Promise<void>
}

const PAUSE_AFTER_ERROR_MS = 1_000
const PRUNE_EVERY_MS = 3_600_000
/** Claims in one statement what becomes due meanwhile. */
const MIN_CLAIM_INTERVAL_MS = 5

/** Starts polling all entities that have a poll job, until `stop` is called. Nothing else polls 0-0. */
export function startTracker(options: TrackerOptions): Tracker {
  const tracker = new PollingTracker(options)
  return { stop: () => tracker.stop() }
}

class PollingTracker {
  readonly #options: TrackerOptions
  readonly #submit: Submit
  readonly #nextPoll: NextPollDecisions
  readonly #stopping = new AbortController()
  readonly #inFlight = new Map<ClaimedPollJob, Promise<void>>()
  readonly #running: Promise<void>
  readonly #stopListening: () => void
  readonly #pruning: NodeJS.Timeout
  readonly #extending: NodeJS.Timeout
  #wake = () => {}
  /** When the loop claims next; milliseconds since the epoch. */
  #wakeAtMs = Number.POSITIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** Whether more jobs may be due than the last claim had room for. */
  #hasMore = false
  #extendedAtMs = Date.now()

  constructor(options: TrackerOptions) {
    this.#options = options
    this.#submit = createSubmission(options)
    this.#nextPoll = createNextPoll(options)
    this.#stopListening = options.ledger.pollJobs.onAdded(() => this.#wake())
    this.#pruning = setInterval(() => this.#prune(), options.pruneEveryMs ?? PRUNE_EVERY_MS)
    this.#extending = setInterval(
      () => void this.#extendLeases().catch(options.onError),
      options.leaseMs / 3,
    )
    this.#prune()
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopListening()
    clearInterval(this.#pruning)
    this.#stopping.abort()
    this.#wake()
    await this.#running
    await Promise.all(this.#inFlight.values())
    clearInterval(this.#extending)
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const startedAtMs = performance.now()
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wakeAtMs = Number.POSITIVE_INFINITY
      const waitMs = await this.#claimAndPoll().catch((error) => {
        this.#options.onError(error)
        return PAUSE_AFTER_ERROR_MS
      })
      this.#wakeBy(Date.now() + waitMs)
      await woken
      clearTimeout(this.#timer)
      const restMs = startedAtMs + MIN_CLAIM_INTERVAL_MS - performance.now()
      if (restMs > 0 && !this.#stopping.signal.aborted) await pause(restMs)
    }
  }

  /** Makes the next claim happen at that time at the latest. Milliseconds since the epoch. */
  #wakeBy(timeMs: number): void {
    if (timeMs >= this.#wakeAtMs) return
    this.#wakeAtMs = timeMs
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#wake(), timerDelayTo(timeMs))
  }

  /** Starts due polls up to `maxInFlight`. Returns the milliseconds to wait before the next call. */
  async #claimAndPoll(): Promise<number> {
    const { ledger, maxInFlight, maxRps, leaseMs } = this.#options
    const now = new Date()
    const limit = maxInFlight - this.#inFlight.size
    this.#hasMore = limit <= 0
    if (limit <= 0) return leaseMs
    // The machine may have slept longer than the lease.
    if (now.getTime() > this.#extendedAtMs + leaseMs / 2) await this.#extendLeases()
    const claimed = await ledger.pollJobs.claim({ now, limit, leaseMs, maxRps })
    this.#hasMore = claimed.length === limit
    for (const job of claimed) this.#start(job)
    const next = await ledger.pollJobs.nextDueAt()
    // Another process may add a poll job and die before it polls, so the next claim is at most one lease away.
    if (next === null) return leaseMs
    // A job that is already due waits for a token of its tenant.
    return Math.min(leaseMs, Math.max(next.getTime() - Date.now(), 1_000 / maxRps))
  }

  #start(job: ClaimedPollJob): void {
    const { onPoll, onError, maxInFlight } = this.#options
    onPoll?.({ kind: job.kind, lagMs: Date.now() - job.dueAt.getTime() })
    const polling = this.#poll(job)
      .catch(onError)
      .finally(() => {
        this.#inFlight.delete(job)
        // One claim for many polls costs less than one for each. A waiting task sets its next time itself.
        const hasRoom = this.#inFlight.size <= maxInFlight / 2
        if (isSubmission(job) || (this.#hasMore && hasRoom)) this.#wake()
      })
    this.#inFlight.set(job, polling)
  }

  async #poll(job: ClaimedPollJob): Promise<void> {
    const { ledger, heldKey, maxRps } = this.#options
    const credential = heldKey ?? job.credential
    if (isSubmission(job)) return this.#submit(job, credential, this.#stopping.signal)
    if (credential === null) return this.#conclude(job, null, { pollingEndedReason: KEY_LOST })
    const end = this.#nextPoll.endWithoutPoll(job)
    if (end !== null) return this.#conclude(job, null, end)
    let observed: Snapshot<PolledKind>
    try {
      observed = await this.#read(job, credential)
    } catch (error) {
      return this.#concludeFailure(job, error)
    }
    await this.#conclude(job, observed, this.#nextPoll.afterAnswer(job))
    if (job.isSlowed) await ledger.pollJobs.speedUp(job.tenant, maxRps)
  }

  #read(job: ClaimedPollJob, credential: string): Promise<Snapshot<PolledKind>> {
    const { upstream } = this.#options
    const { signal } = this.#stopping
    const call = { credential, requestId: crypto.randomUUID(), signal }
    if (job.kind === 'asset') {
      const { platform, assetId } = job.snapshot
      return upstream.getAsset({ platform, id: assetId }, call)
    }
    const { taskId, model } = job.snapshot
    const task = { taskId: taskId ?? job.key, model: job.origin?.model ?? model }
    return upstream.getVideoTask(task, call)
  }

  async #concludeFailure(job: ClaimedPollJob, error: unknown): Promise<void> {
    const { ledger, maxRps } = this.#options
    if (this.#stopping.signal.aborted) {
      return this.#conclude(job, null, { nextPollAt: new Date(), gapMs: job.gapMs })
    }
    if (!(error instanceof UpstreamError)) throw error
    await this.#conclude(job, null, this.#nextPoll.afterFailure(job, error))
    if (error.code === 'RATE_LIMITED') await ledger.pollJobs.slowDown(job.tenant, maxRps)
  }

  async #conclude(
    job: ClaimedPollJob,
    observed: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<void> {
    const { ledger, onLeaseLost } = this.#options
    if (!(await ledger.pollJobs.conclude(job, observed, then))) onLeaseLost(job)
    if ('nextPollAt' in then) this.#wakeBy(then.nextPollAt.getTime())
  }

  async #extendLeases(): Promise<void> {
    this.#extendedAtMs = Date.now()
    if (this.#inFlight.size === 0) return
    await this.#options.ledger.pollJobs.extend([...this.#inFlight.keys()], this.#options.leaseMs)
  }

  #prune(): void {
    const { ledger, retentionMs, onError } = this.#options
    ledger.prune(after(-retentionMs)).catch(onError)
  }
}

const KEY_LOST = 'The key it was registered with can no longer be read.'
