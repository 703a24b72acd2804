import { formatDuration, formatTime } from './format.ts'
import { useNow } from './useNow.ts'

/** How long ago something happened. Its title has the exact time. */
export function Age({ at }: { at: string | null | undefined }) {
  const now = useNow(10_000)
  if (!at) return null
  const ms = now - Date.parse(at)
  return (
    <time className="age" dateTime={at} title={formatTime(at)}>
      {ms < 60_000 ? 'just now' : `${formatDuration(ms)} ago`}
    </time>
  )
}
