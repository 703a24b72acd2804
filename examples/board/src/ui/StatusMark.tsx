import type { AssetStatus, VideoTaskStatus } from '../gql/graphql.ts'
import './StatusMark.css'

type Status = AssetStatus | VideoTaskStatus

/** The word of each status. */
const WORDS: Record<Status, string> = {
  PROCESSING: 'Processing',
  ACTIVE: 'Active',
  WAITING_FOR_ASSETS: 'Waiting',
  QUEUED: 'Queued',
  RUNNING: 'Running',
  SUCCEEDED: 'Done',
  FAILED: 'Failed',
  CANCELLED: 'Cancelled',
  EXPIRED: 'Expired',
  UNKNOWN: 'Unknown',
}

const CIRCLE = 'M6 1.500a4.500 4.5 0 1 0 0 9a4.500 4.5 0 1 0 0-9z'
const LEFT_HALF = 'M6 1.500a4.500 4.5 0 1 0 0 9z'

/** Each kind of status has a shape, so that nobody needs to tell the colours apart. */
const SHAPES = {
  wait: <path d={CIRCLE} fill="none" />,
  run: (
    <>
      <path d={CIRCLE} fill="none" />
      <path d={LEFT_HALF} fill="currentColor" />
    </>
  ),
  ok: <path d="M2 6.500l2.700 2.700L10 3.3" fill="none" strokeWidth="2" />,
  fail: <path d="M2.500 2.500l7 7M9.500 2.500l-7 7" fill="none" strokeWidth="2" />,
  stop: <path d="M2.500 6h7" fill="none" strokeWidth="2" />,
}

/** Returns the kind of a status, which decides its shape and its colour. */
export function kindOf(status: Status): keyof typeof SHAPES {
  switch (status) {
    case 'PROCESSING':
    case 'RUNNING':
      return 'run'
    case 'WAITING_FOR_ASSETS':
    case 'QUEUED':
    case 'UNKNOWN':
      return 'wait'
    case 'ACTIVE':
    case 'SUCCEEDED':
      return 'ok'
    case 'FAILED':
    case 'EXPIRED':
      return 'fail'
    case 'CANCELLED':
      return 'stop'
  }
}

/** A status by word, shape and colour. On a small tile the word is for screen readers only. */
export function StatusMark({ status, isSmall = false }: { status: Status; isSmall?: boolean }) {
  const kind = kindOf(status)
  return (
    <span className={`status status-${kind}`} title={isSmall ? WORDS[status] : undefined}>
      <svg viewBox="0 0 12 12" width="12" height="12" stroke="currentColor" aria-hidden="true">
        {SHAPES[kind]}
      </svg>
      <span className={isSmall ? 'visually-hidden' : undefined}>{WORDS[status]}</span>
    </span>
  )
}
