import type { Ledger } from '../ledger/ledger.ts'
import type { Snapshot } from '../ledger/resource.ts'
import type { AfterPoll, ClaimedWatch, WatchedKind } from '../ledger/watches.ts'
import type { AssetSnapshot, VideoTaskSnapshot } from '../model.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/errors.ts'
import { growGap, jittered, type Pace, stretchGap } from './schedule.ts'

export interface TrackerOptions {
  ledger: Ledger
  upstream: UpstreamClient
  pace: Record<WatchedKind, Pace>
  /** Polls in flight at once. */
  maxInFlight: number
  /** Polls per second each tenant may make. */
  maxRps: number
  /** How long a claim is ours: longer than any poll takes. */
  leaseMs: number
  /** How long transitions are kept. */
  retentionMs: number
  /** What went wrong on our side, e.g. the ledger being away; the tracker goes on by itself. */
  onError(error: unknown): void
}

export interface Tracker {
  /** Claims nothing more, gives back what is in flight, and resolves when all of it has ended. */
  stop(): Promise<void>
}

const PAUSE_AFTER_ERROR_MS = 1_000
const PRUNE_EVERY_MS = 3_600_000
const MAX_TIMER_MS = 60_000

/** Polls whatever the ledger has a watch for, until `stop`. The only poller of the house. */
export function startTracker(options: TrackerOptions): Tracker {
  const { ledger, upstream, pace, maxInFlight, maxRps, leaseMs, retentionMs, onError } = options
  const stopping = new AbortController()
  const inFlight = new Set<Promise<void>>()
  let wake = () => {}

  const stopListening = ledger.watches.onAdded(() => wake())
  const pruning = setInterval(prune, PRUNE_EVERY_MS)
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
    if (limit <= 0) return MAX_TIMER_MS
    const claimed = await ledger.watches.claim({ now, limit, leaseMs, maxRps })
    for (const watch of claimed) {
      const polling = poll(watch)
        .catch(onError)
        .finally(() => {
          inFlight.delete(polling)
          wake()
        })
      inFlight.add(polling)
    }
    const next = await ledger.watches.nextDueAt()
    if (next === null) return MAX_TIMER_MS
    // What is due already waits for its tenant's budget.
    return Math.min(MAX_TIMER_MS, Math.max(next.getTime() - Date.now(), 1_000 / maxRps))
  }

  async function poll(watch: ClaimedWatch): Promise<void> {
    if (watch.credential === null) {
      const endedBecause = 'The key it was registered with can no longer be read.'
      await ledger.watches.conclude(watch, null, { endedBecause })
      return
    }
    try {
      const seen = await read(watch, watch.credential)
      await ledger.watches.conclude(watch, seen, afterAnswer(watch))
    } catch (error) {
      if (stopping.signal.aborted) {
        const giveBack = { nextPollAt: new Date(), gapMs: watch.gapMs }
        await ledger.watches.conclude(watch, null, giveBack)
        return
      }
      if (!(error instanceof UpstreamError)) throw error
      await ledger.watches.conclude(watch, null, afterFailure(watch, error))
    }
  }

  function read(watch: ClaimedWatch, credential: string): Promise<Snapshot<WatchedKind>> {
    const call = { credential, requestId: crypto.randomUUID(), signal: stopping.signal }
    if (watch.kind === 'asset') return upstream.getAsset(watch.snapshot as AssetSnapshot, call)
    const { taskId, model } = watch.snapshot as VideoTaskSnapshot
    return upstream.getVideoTask({ taskId, model: modelOf(watch) ?? model }, call)
  }

  function afterAnswer(watch: ClaimedWatch): AfterPoll {
    if (isOverdue(watch)) return { endedBecause: `${lateness(watch)}.` }
    const gapMs = growGap(watch.gapMs, pace[watch.kind])
    return { gapMs, nextPollAt: after(jittered(gapMs, pace[watch.kind])) }
  }

  function afterFailure(watch: ClaimedWatch, error: UpstreamError): AfterPoll {
    if (isOverdue(watch)) {
      return { endedBecause: `${lateness(watch)}; the last poll failed: ${error.message}` }
    }
    const gapMs = stretchGap(watch.gapMs, pace[watch.kind])
    const waitMs = Math.max(jittered(gapMs, pace[watch.kind]), error.retryAfterMs ?? 0)
    return { gapMs, nextPollAt: after(waitMs) }
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
      await Promise.all(inFlight)
    },
  }
}

function modelOf({ origin }: ClaimedWatch): string | null {
  return origin && 'model' in origin ? origin.model : null
}

function isOverdue({ deadlineAt }: ClaimedWatch): boolean {
  return deadlineAt.getTime() <= Date.now()
}

function lateness({ deadlineAt, snapshot }: ClaimedWatch): string {
  return `Not settled by ${deadlineAt.toISOString()}, when watching it ended; 0-0 last said "${snapshot.rawStatus}"`
}

function after(ms: number): Date {
  return new Date(Date.now() + ms)
}
