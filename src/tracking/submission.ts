import type { Ledger } from '../ledger/ledger.ts'
import type { Resource } from '../ledger/resource.ts'
import type { AfterPoll, ClaimedWatch, WatchedKind } from '../ledger/watches.ts'
import { type CreateVideoTaskRequest, keyOf, type VideoTaskSnapshot } from '../model.ts'
import type { UpstreamClient } from '../upstream/client.ts'
import { UpstreamError } from '../upstream/errors.ts'
import { after, growGap, jittered, type Pace, stretchGap } from './schedule.ts'

export interface SubmissionOptions {
  ledger: Ledger
  upstream: UpstreamClient
  pace: Record<WatchedKind, Pace>
  /** How long a task is polled once it was sent. */
  deadlineMs: number
  /** 0-0 took a task whose claim was lost meanwhile, so that another process has declared its outcome unknown. */
  onUnrecorded(task: { key: string; taskId: string }): void
}

/**
 * Sends a task that waits for its assets as soon as they are ACTIVE, once: that it is being sent is written down before
 * it is. Whoever finds it sent without an answer can only declare it FAILED.
 */
export function createSubmission(options: SubmissionOptions) {
  const { ledger, upstream, pace, deadlineMs, onUnrecorded } = options

  /** Ends the claim of `watch`, one way or another. Nothing more is begun once `stopping` is aborted. */
  return async (watch: ClaimedWatch, credential: string, stopping: AbortSignal): Promise<void> => {
    const request = requestOf(watch)
    if (watch.submission === 'SENT') return fail(watch, UNANSWERED)
    const assets = await referencedAssets(watch, request)
    const failed = assets.find(({ snapshot }) => snapshot.status === 'FAILED')
    if (failed) return fail(watch, assetFailed(failed))
    const pending = assets.find(({ snapshot }) => snapshot.status !== 'ACTIVE')
    if (pending || assets.length < countOf(request)) {
      const givenUp = pending?.note !== null || watch.deadlineAt.getTime() <= Date.now()
      if (pending && givenUp) return fail(watch, tooLate(pending, watch))
      return waitOn(watch, growGap(watch.gapMs, pace.asset))
    }
    if (stopping.aborted) return waitOn(watch, 0)
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
      const conclude = () => ledger.watches.conclude(watch, created, then)
      const recorded = await ledger.persist({ kind: watch.kind, ...task }, conclude)
      if (!recorded) onUnrecorded(task)
    } catch (error) {
      if (!(error instanceof UpstreamError)) throw error
      // Both say that nothing was done.
      const mayTryAgain = error.code === 'RATE_LIMITED' || error.code === 'UPSTREAM_UNAVAILABLE'
      if (!mayTryAgain || watch.deadlineAt.getTime() <= Date.now()) {
        const isUnknown = error.code === 'OUTCOME_UNKNOWN'
        return fail(
          watch,
          isUnknown ? error.message : `0-0 did not take the task: ${error.message}`,
        )
      }
      const gapMs = stretchGap(watch.gapMs, pace.videoTask)
      await waitOn(watch, Math.max(gapMs, error.retryAfterMs ?? 0))
    }
  }

  async function referencedAssets(
    { tenant }: ClaimedWatch,
    { resources }: CreateVideoTaskRequest,
  ): Promise<Resource<'asset'>[]> {
    const finding = resources.map(({ platform, assetId }) =>
      assetId === undefined
        ? null
        : ledger.find({ tenant, kind: 'asset', key: keyOf({ platform, id: assetId }) }),
    )
    return (await Promise.all(finding)).filter((asset) => asset !== null)
  }

  async function waitOn(watch: ClaimedWatch, gapMs: number): Promise<void> {
    const nextPollAt = after(jittered(gapMs, pace.asset))
    const then: AfterPoll = { gapMs, nextPollAt, submission: 'WAITING' }
    await ledger.watches.conclude(watch, null, then)
  }

  async function fail(watch: ClaimedWatch, failureReason: string): Promise<void> {
    const before = watch.snapshot as VideoTaskSnapshot
    const seen: VideoTaskSnapshot = { ...before, status: 'FAILED', failureReason }
    await ledger.watches.conclude(watch, seen, { endedBecause: failureReason })
  }
}

const UNANSWERED =
  'It was sent to 0-0 and no answer was recorded, so its outcome is unknown. It is not sent again.'

function requestOf({ key, origin }: ClaimedWatch): CreateVideoTaskRequest {
  if (origin && 'request' in origin && origin.request) return origin.request
  throw new Error(`The task ${key} waits to be sent, but nothing is known to send.`)
}

function countOf({ resources }: CreateVideoTaskRequest): number {
  return resources.filter(({ assetId }) => assetId !== undefined).length
}

function assetFailed({ snapshot }: Resource<'asset'>): string {
  const reason = snapshot.failureReason ?? 'no reason given'
  return `The asset ${snapshot.assetId} failed: ${reason}. Nothing was sent to 0-0.`
}

function tooLate({ snapshot, note, observedAt }: Resource<'asset'>, watch: ClaimedWatch): string {
  const at = (note === null ? watch.deadlineAt : observedAt).toISOString()
  return `The asset ${snapshot.assetId} was still ${snapshot.status} at ${at}. Nothing was sent to 0-0.`
}
