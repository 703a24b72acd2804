import { useState } from 'react'
import { useSubscription } from 'urql'
import type { TimelineEventType, VideoTaskTimelineSubscription } from '../gql/graphql.ts'
import { graphql } from '../gql/index.ts'
import { formatTime } from '../ui/format.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import './Timeline.css'

export const VideoTaskTimeline = graphql(`
  subscription VideoTaskTimeline($id: ID!) {
    videoTaskTimeline(id: $id) {
      at
      type
      message
      asset {
        id
        name
      }
      videoTask {
        id
        status
        progress
        estimatedReadyAt
      }
    }
  }
`)

type Event = VideoTaskTimelineSubscription['videoTaskTimeline']

/** How a video was made, event by event: the past ones first, then each when it happens. */
export function Timeline({ id, isPending }: { id: string; isPending: boolean }) {
  // Keeps the room for events while the task is open, also after its end.
  const [wasPending] = useState(isPending)
  const [{ data: events = [], error }] = useSubscription<
    VideoTaskTimelineSubscription,
    Event[],
    { id: string }
  >({ query: VideoTaskTimeline, variables: { id } }, (past = [], { videoTaskTimeline: event }) =>
    addEvent(past, event),
  )

  return (
    <section className="task-section" aria-labelledby="timeline-title">
      <header className="panel-head">
        <h3 id="timeline-title">Timeline</h3>
        <GraphQLLink isShort of="timeline" document={VideoTaskTimeline} variables={{ id }} />
      </header>
      <ol className={wasPending ? 'timeline timeline-pending' : 'timeline'}>
        {events.map((event) => (
          <li key={keyOf(event)} className={`event event-${KINDS[event.type]}`}>
            <span className="event-text" title={event.message}>
              {textOf(event)}
            </span>
            <time className="note" dateTime={event.at}>
              {formatTime(event.at)}
            </time>
          </li>
        ))}
      </ol>
      {error && events.length === 0 && <p className="note">The timeline cannot be read now.</p>}
    </section>
  )
}

const KINDS: Record<TimelineEventType, 'ok' | 'run' | 'fail' | 'stop'> = {
  ACCEPTED: 'ok',
  ASSET_READY: 'ok',
  ASSET_FAILED: 'fail',
  SENT: 'ok',
  STARTED: 'ok',
  PROGRESSED: 'run',
  SUCCEEDED: 'ok',
  FAILED: 'fail',
  CANCELLED: 'stop',
}

/** Says in a few words what the `message` of an event says in a sentence. */
function textOf({ type, asset, videoTask }: Event): string {
  switch (type) {
    case 'ACCEPTED':
      return 'Accepted'
    case 'ASSET_READY':
      return `${asset?.name || 'An asset'} is ready`
    case 'SENT':
      return 'Sent to 0-0'
    case 'STARTED':
      return 'Started'
    case 'PROGRESSED':
      return `At ${Math.round(videoTask.progress ?? 0)} %`
    case 'SUCCEEDED':
      return 'The video is ready'
    case 'CANCELLED':
      return 'Cancelled'
    case 'ASSET_FAILED':
      return `${asset?.name || 'An asset'} failed`
    case 'FAILED':
      return 'Failed'
  }
}

const ENDS: TimelineEventType[] = ['SUCCEEDED', 'FAILED', 'CANCELLED']

/** After a reconnect the past events come again. Progress is shown until something follows it. */
function addEvent(past: Event[], event: Event): Event[] {
  const others = past.filter((other) => keyOf(other) !== keyOf(event))
  const events = [...others, event].sort((left, right) => left.at.localeCompare(right.at))
  // The end can have the same time as the last progress, and is then not the last event.
  const hasEnded = events.some(({ type }) => ENDS.includes(type))
  return events.filter(
    ({ type }, index) => type !== 'PROGRESSED' || (!hasEnded && index === events.length - 1),
  )
}

function keyOf({ type, at, asset }: Event): string {
  return type === 'PROGRESSED' ? type : `${type} ${at} ${asset?.id ?? ''}`
}
