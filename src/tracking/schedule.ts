/** How often something is polled: the first and the longest gap between two polls, in milliseconds. */
export interface Pace {
  minMs: number
  maxMs: number
}

/** The moment `ms` milliseconds from now. */
export function after(ms: number): Date {
  return new Date(Date.now() + ms)
}

const GROWTH = 1.5
const JITTER = 0.2
/** How far failures may stretch a gap beyond `maxMs`. */
const FAILURE_STRETCH = 4

/** The gap after one that brought an answer: grows up to `maxMs`. */
export function growGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs, Math.max(minMs, Math.round(gapMs * GROWTH)))
}

/** The gap after one whose poll failed: twice as long, also beyond `maxMs`. */
export function stretchGap(gapMs: number, { minMs, maxMs }: Pace): number {
  return Math.min(maxMs * FAILURE_STRETCH, Math.max(minMs, gapMs * 2))
}

/** The gap with up to a fifth taken off at random, so that what began together does not stay together. */
export function jittered(gapMs: number, { minMs }: Pace, random = Math.random()): number {
  return Math.max(Math.min(minMs, gapMs), Math.round(gapMs * (1 - JITTER * random)))
}
