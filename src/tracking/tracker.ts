import type { Snapshot } from '../ledger/entity.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { AfterPoll, ClaimedPollJob, PolledKind } from '../ledger/poll-job.ts'
import type { AssetSnapshot, VideoTaskSnapshot } from '../model.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/errors.ts'
import { createNextPoll, type RefusedPolls } from './next-poll.ts'
import { after, type Pace } from './schedule.ts'
import { createSubmission } from './submission.ts'

export interface TrackerOptions {
  ledger: Ledger
  upstream: UpstreamClient
  /** The key the service itself holds; null: each poll job has its own. */
  heldKey: string | null
  pace: Record<PolledKind, Pace>
  /** How long a poll job lasts. */
  deadlineMs: number
  /** How long the sender of a waiting task may be kept from recording its outcome; absent: 20 s. */
  senderGraceMs?: number | undefined
  /** Polls in flight at once. */
  maxInFlight: number
  /** Polls per second each tenant may make. */
  maxRps: number
  /** How long a claim lasts that its holder does not extend; what a dead holder held is taken over after that. */
  leaseMs: number
  /** How long transitions and creates are remembered. */
  retentionMs: number
  /** How often those that are older are deleted; absent: every hour. */
  pruneEveryMs?: number | undefined
  /** How polls continue that are answered NOT_FOUND or FORBIDDEN; absent: as REFUSED_POLLS says. */
  refusedPolls?: RefusedPolls | undefined
  /** In [0, 1), for jitter; absent: Math.random. */
  random?: (() => number) | undefined
  /** What went wrong on our side, e.g. the ledger being away; the tracker goes on by itself. */
  onError(error: unknown): void
  /** 0-0 took a task whose claim was lost meanwhile, so that another process has declared its outcome unknown. */
  onUnrecorded(task: { key: string; taskId: string }): void
  /** A poll took longer than its claim, which another process has now; its answer was not recorded. */
  onLeaseLost(job: ClaimedPollJob): void
  /** A poll begins, `lagMs` after it was due. */
  onPoll?: ((poll: { kind: PolledKind; lagMs: number }) => void) | undefined
}

export interface Tracker {
  /** Claims nothing more, gives back what is in flight, and resolves when all of it has ended. */
  stop(): Promise<void>
}

const PAUSE_AFTER_ERROR_MS = 1_000

/** Polls every entity that has a poll job, until `stop`. Nothing else polls 0-0. */
export function startTracker(options: TrackerOptions): Tracker {
  const {
    ledger,
    upstream,
    heldKey,
    maxInFlight,
    maxRps,
    leaseMs,
    retentionMs,
    pruneEveryMs = 3_600_000,
    onError,
    onLeaseLost,
    onPoll,
  } = options
  const submit = createSubmission(options)
  const nextPoll = createNextPoll(options)
  const stopping = new AbortController()
  const inFlight = new Map<ClaimedPollJob, Promise<void>>()
  let wake = () => {}

  const stopListening = ledger.pollJobs.onAdded(() => wake())
  const pruning = setInterval(prune, pruneEveryMs)
  const extending = setInterval(extend, leaseMs / 3)
  prune()
  const running = run()

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      const waitMs = await claimAndPoll().catch((error) => {
        onError(error)
        return PAUSE_AFTER_ERROR_MS
      })
      const timer = setTimeout(wake, waitMs)
      await woken
      clearTimeout(timer)
    }
  }

  /** Starts the polls that are due and room is for; gives how long to wait before looking again. */
  async function claimAndPoll(): Promise<number> {
    const now = new Date()
    const limit = maxInFlight - inFlight.size
    if (limit <= 0) return leaseMs
    // What this process works on is still its own, though it slept through its lease.
    if (inFlight.size > 0) await ledger.pollJobs.extend([...inFlight.keys()], leaseMs)
    const claimed = await ledger.pollJobs.claim({ now, limit, leaseMs, maxRps })
    for (const job of claimed) {
      onPoll?.({ kind: job.kind, lagMs: Date.now() - job.dueAt.getTime() })
      const polling = poll(job)
        .catch(onError)
        .finally(() => {
          inFlight.delete(job)
          wake()
        })
      inFlight.set(job, polling)
    }
    const next = await ledger.pollJobs.nextDueAt()
    // Another process may add a poll job and be gone before it polls: so look at least once a lease.
    if (next === null) return leaseMs
    // What is due already waits for its tenant's budget.
    return Math.min(leaseMs, Math.max(next.getTime() - Date.now(), 1_000 / maxRps))
  }

  async function poll(job: ClaimedPollJob): Promise<void> {
    const credential = heldKey ?? job.credential
    if (job.submission !== null) return submit(job, credential, stopping.signal)
    if (credential === null) {
      const endedBecause = 'The key it was registered with can no longer be read.'
      return conclude(job, null, { endedBecause })
    }
    const endedBecause = nextPoll.endWithoutPoll(job)
    if (endedBecause !== null) return conclude(job, null, { endedBecause })
    let seen: Snapshot<PolledKind>
    try {
      seen = await read(job, credential)
    } catch (error) {
      return concludeFailure(job, error)
    }
    await conclude(job, seen, nextPoll.afterAnswer(job))
    await ledger.pollJobs.speedUp(job.tenant, maxRps)
  }

  async function concludeFailure(job: ClaimedPollJob, error: unknown): Promise<void> {
    if (stopping.signal.aborted) {
      return conclude(job, null, { nextPollAt: new Date(), gapMs: job.gapMs })
    }
    if (!(error instanceof UpstreamError)) throw error
    await conclude(job, null, nextPoll.afterFailure(job, error))
    if (error.code === 'RATE_LIMITED') await ledger.pollJobs.slowDown(job.tenant, maxRps)
  }

  async function conclude(
    job: ClaimedPollJob,
    seen: Snapshot<PolledKind> | null,
    then: AfterPoll,
  ): Promise<void> {
    if (!(await ledger.pollJobs.conclude(job, seen, then))) onLeaseLost(job)
  }

  function read(job: ClaimedPollJob, credential: string): Promise<Snapshot<PolledKind>> {
    const call = { credential, requestId: crypto.randomUUID(), signal: stopping.signal }
    if (job.kind === 'asset') return upstream.getAsset(job.snapshot as AssetSnapshot, call)
    const { taskId, model } = job.snapshot as VideoTaskSnapshot
    return upstream.getVideoTask({ taskId: taskId ?? job.key, model: modelOf(job) ?? model }, call)
  }

  function extend(): void {
    if (inFlight.size > 0) ledger.pollJobs.extend([...inFlight.keys()], leaseMs).catch(onError)
  }

  function prune(): void {
    ledger.prune(after(-retentionMs)).catch(onError)
  }

  return {
    async stop() {
      stopListening()
      clearInterval(pruning)
      stopping.abort()
      wake()
      await running
      await Promise.all(inFlight.values())
      clearInterval(extending)
    },
  }
}

function modelOf({ origin }: ClaimedPollJob): string | null {
  return origin && 'model' in origin ? origin.model : null
}
