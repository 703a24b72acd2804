const FRAMES_PER_SECOND = 24
/** Seconds. */
const DEFAULT_DURATION = 5
/** Pixels. */
const DEFAULT_HEIGHT = 720
/** The largest value of GraphQL's Int. */
const MAX_INT = 2 ** 31 - 1

/**
 * Estimates the video tokens that 0-0 will count, with 0-0's own formula (upstream-api 3.6). The ratio
 * is ignored. A duration of -1 (the model chooses) counts as 5 s. A resolution without a plain height,
 * such as `4k`, counts as 720p.
 */
export function estimateVideoTokens(video: {
  duration?: number | undefined
  resolution?: string | undefined
}): number {
  const { duration = DEFAULT_DURATION, resolution = '' } = video
  const seconds = duration > 0 ? duration : DEFAULT_DURATION
  const height = Number(/^(\d+)p?$/i.exec(resolution)?.[1] ?? DEFAULT_HEIGHT)
  const tokens = Math.round(seconds * FRAMES_PER_SECOND * 907.5 * (height / 720) ** 2)
  return Math.min(MAX_INT, Math.max(1, tokens))
}
