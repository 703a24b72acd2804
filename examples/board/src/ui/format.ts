/** Formats a number with separators: `48,400`. */
export function formatNumber(value: number): string {
  return new Intl.NumberFormat('en').format(Math.round(value))
}

/** Formats a duration in milliseconds with one unit: `40 s`, `3 min`, `2 h`, `5 d`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

/** Formats a time of today as `12:01:30`, another one with its day. */
export function formatTime(iso: string): string {
  const date = new Date(iso)
  const isToday = date.toDateString() === new Date().toDateString()
  const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' } as const
  const day = { day: 'numeric', month: 'short' } as const
  return new Intl.DateTimeFormat('en', isToday ? time : { ...day, ...time }).format(date)
}
