import { useRef, useState } from 'react'
import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { FirstFrame } from '../library/FirstFrame.tsx'
import { MediaThumb, Thumb } from '../library/Thumb.tsx'
import { useNow } from '../ui/useNow.ts'
import { useWasSeen } from '../ui/useWasSeen.ts'
import { hasExpired } from './has-expired.ts'

export const PosterTask = graphql(`
  fragment Poster_task on VideoTask {
    resources {
      role
      type
      url
      asset {
        id
        ...Thumb_asset
      }
    }
    video {
      url
      expiresAt
    }
  }
`)

/** The picture of a task: the first frame of its video, or of what the video will begin with. */
export function Poster({ task }: { task: FragmentType<typeof PosterTask> }) {
  const { video, resources } = getFragmentData(PosterTask, task)
  const [hasFailed, setFailed] = useState(false)
  const place = useRef<HTMLSpanElement>(null)
  const wasSeen = useWasSeen(place)
  const now = useNow(60_000)

  if (video && !hasExpired(video.expiresAt, now) && !hasFailed) {
    return (
      <span ref={place} className="thumb">
        {wasSeen && <FirstFrame url={video.url} onError={() => setFailed(true)} />}
      </span>
    )
  }
  const first = resources.find(({ type }) => type !== 'AUDIO')
  if (first?.asset) return <Thumb asset={first.asset} />
  return <MediaThumb type={first?.type ?? 'VIDEO'} url={first?.url ?? null} />
}
