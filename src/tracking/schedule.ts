import type { PolledKind } from '../ledger/poll-job.ts'

/** How often an entity is polled. A gap is the time between two polls. */
export interface Pace {
  /** The first gap in milliseconds. */
  minMs: number
  /** The longest gap between successful polls, in milliseconds. */
  maxMs: number
}

/** Returns the milliseconds after which a new entity is polled for the first time, by kind. */
export function firstPollMsOf({ asset, videoTask }: Record<PolledKind, Pace>) {
  return { asset: asset.minMs, videoTask: videoTask.minMs }
}

/** The latest valid time of a Date (ECMA-262, Time Values and Time Range). */
const LAST_TIME = 8.64e15

/** Returns the time `ms` milliseconds from now, at most the latest valid time of a Date. `ms` may be negative. */
export function after(ms: number): Date {
  return new Date(Math.min(LAST_TIME, Date.now() + ms))
}

const GROWTH = 1.5
const JITTER = 0.2
/** The maximum gap after failures, as a multiple of `maxMs`. */
const FAILURE_STRETCH = 4

/** Returns the gap after a successful poll in milliseconds: 1.5 times as long, up to `maxMs`. */
export function growGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs, Math.max(minMs, Math.round(gapMs * GROWTH)))
}

/** Returns the gap after a failed poll in milliseconds: twice as long, up to four times `maxMs`. */
export function stretchGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs * FAILURE_STRETCH, Math.max(minMs, gapMs * 2))
}

/**
 * Returns the gap, shortened at random by up to 20 %, so that polls do not stay synchronised. `random` is in [0, 1).
 */
export function jittered(gapMs: number, { minMs }: Pace, random = Math.random()): number {
  return Math.max(Math.min(minMs, gapMs), Math.round(gapMs * (1 - JITTER * random)))
}

/**
 * Returns a pause that 0-0 requires, lengthened at random by up to 20 %, so that polls do not resume simultaneously.
 * `random` is in [0, 1).
 */
export function lengthened(pauseMs: number, random = Math.random()): number {
  return Math.round(pauseMs * (1 + JITTER * random))
}
