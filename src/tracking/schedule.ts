/** How often an entity is polled: the first and the longest gap between two polls, in milliseconds. */
export interface Pace {
  minMs: number
  maxMs: number
}

/** The latest time a Date can hold (ECMA-262, Time Values and Time Range). */
const LAST_TIME = 8.64e15

/** The moment `ms` milliseconds from now, or the latest a Date can hold when that is earlier. */
export function after(ms: number): Date {
  return new Date(Math.min(LAST_TIME, Date.now() + ms))
}

const GROWTH = 1.5
const JITTER = 0.2
/** How many times `maxMs` a gap can become after failures. */
const FAILURE_STRETCH = 4

/** The gap after an answered poll: grows up to `maxMs`. */
export function growGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs, Math.max(minMs, Math.round(gapMs * GROWTH)))
}

/** The gap after a failed poll: twice as long, up to four times `maxMs`. */
export function stretchGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs * FAILURE_STRETCH, Math.max(minMs, gapMs * 2))
}

/** The gap, shortened by up to a fifth at random, so that polls do not stay synchronised. `random` is in [0, 1). */
export function jittered(gapMs: number, { minMs }: Pace, random = Math.random()): number {
  return Math.max(Math.min(minMs, gapMs), Math.round(gapMs * (1 - JITTER * random)))
}

/** A pause that 0-0 asked for, lengthened by up to a fifth at random, so that callers do not return together. */
export function lengthened(pauseMs: number, random = Math.random()): number {
  return Math.round(pauseMs * (1 + JITTER * random))
}
