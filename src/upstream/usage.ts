const FRAMES_PER_SECOND = 24
const DEFAULT_DURATION = 5
const DEFAULT_HEIGHT = 720
/** The largest number that fits GraphQL's Int. */
const MAX_INT = 2 ** 31 - 1

/**
 * What 0-0 will count for a video, by the formula of its own estimate (upstream-api 3.6): the ratio plays no part, a
 * duration the model chooses counts as five seconds, and a resolution without a plain height, such as `4k`, as 720p.
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
