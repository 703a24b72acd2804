import type { Snapshot } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
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

  constructor(options: TrackerOptions) {
    this.#options = options
    this.#submit = createSubmission(options)
    this.#nextPoll = createNextPoll(options)
    this.#stopListening = options.ledger.pollJobs.onAdded(() => this.#wake())
    this.#pruning = setInterval(() => this.#prune(), options.pruneEveryMs ?? PRUNE_EVERY_MS)
    this.#extending = setInterval(() => this.#extendLeases(), options.leaseMs / 3)
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
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const waitMs = await this.#claimAndPoll().catch((error) => {
        this.#options.onError(error)
        return PAUSE_AFTER_ERROR_MS
      })
      const timer = setTimeout(this.#wake, waitMs)
      await woken
      clearTimeout(timer)
    }
  }

  /** Starts due polls up to `maxInFlight`. Returns the milliseconds to wait before the next call. */
  async #claimAndPoll(): Promise<number> {
    const { ledger, maxInFlight, maxRps, leaseMs } = this.#options
    const now = new Date()
    const limit = maxInFlight - this.#inFlight.size
    if (limit <= 0) return leaseMs
    // Extend the claims in flight first, because the machine may have slept longer than the lease.
    if (this.#inFlight.size > 0) await ledger.pollJobs.extend([...this.#inFlight.keys()], leaseMs)
    for (const job of await ledger.pollJobs.claim({ now, limit, leaseMs, maxRps })) this.#start(job)
    const next = await ledger.pollJobs.nextDueAt()
    // Another process may add a poll job and die before it polls, so the next claim is at most one lease away.
    if (next === null) return leaseMs
    // A job that is already due waits for a token of its tenant.
    return Math.min(leaseMs, Math.max(next.getTime() - Date.now(), 1_000 / maxRps))
  }

  #start(job: ClaimedPollJob): void {
    const { onPoll, onError } = this.#options
    onPoll?.({ kind: job.kind, lagMs: Date.now() - job.dueAt.getTime() })
    const polling = this.#poll(job)
      .catch(onError)
      .finally(() => {
        this.#inFlight.delete(job)
        this.#wake()
      })
    this.#inFlight.set(job, polling)
  }

  async #poll(job: ClaimedPollJob): Promise<void> {
    const { ledger, heldKey, maxRps } = this.#options
    const credential = heldKey ?? job.credential
    if (isSubmission(job)) return this.#submit(job, credential, this.#stopping.signal)
    if (credential === null) return this.#conclude(job, null, { pollingEndedReason: KEY_LOST })
    const pollingEndedReason = this.#nextPoll.endWithoutPoll(job)
    if (pollingEndedReason !== null) return this.#conclude(job, null, { pollingEndedReason })
    let observed: Snapshot<PolledKind>
    try {
      observed = await this.#read(job, credential)
    } catch (error) {
      return this.#concludeFailure(job, error)
    }
    await this.#conclude(job, observed, this.#nextPoll.afterAnswer(job))
    await ledger.pollJobs.speedUp(job.tenant, maxRps)
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
  }

  #extendLeases(): void {
    const { ledger, leaseMs, onError } = this.#options
    if (this.#inFlight.size === 0) return
    ledger.pollJobs.extend([...this.#inFlight.keys()], leaseMs).catch(onError)
  }

  #prune(): void {
    const { ledger, retentionMs, onError } = this.#options
    ledger.prune(after(-retentionMs)).catch(onError)
  }
}

const KEY_LOST = 'The key it was registered with can no longer be read.'
