import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { Age } from '../ui/Age.tsx'
import { formatDuration } from '../ui/format.ts'
import { useNow } from '../ui/useNow.ts'
import { hasExpired } from '../videos/has-expired.ts'
import { isPending } from '../videos/is-pending.ts'
import { Poster } from '../videos/Poster.tsx'
import './Player.css'

export const PlayerTask = graphql(`
  fragment Player_task on VideoTask {
    id
    status
    video {
      url
      expiresAt
    }
    ...Poster_task
  }
`)

/** Plays the finished video. Before that, and after its URL has expired, it shows the first frame. */
export function Player({ task: masked }: { task: FragmentType<typeof PlayerTask> }) {
  const task = getFragmentData(PlayerTask, masked)
  const { video, status } = task
  const now = useNow(10_000)
  const isExpired = hasExpired(video?.expiresAt, now)
  if (!video || isExpired) {
    return (
      <>
        <div className={isPending(status) ? 'player shimmer' : 'player'}>
          <Poster task={task} />
        </div>
        {status === 'SUCCEEDED' && (
          <p className="note player-note fail">
            {isExpired && (
              <>
                The URL of this video expired <Age at={video?.expiresAt} />. Make the video again,
                or use the file that you downloaded.
              </>
            )}
          </p>
        )}
      </>
    )
  }
  return (
    <>
      {/* biome-ignore lint/a11y/useMediaCaption: a generated video has no captions */}
      <video
        className="player"
        src={video.url}
        aria-label="The finished video"
        controls
        loop
        playsInline
        preload="metadata"
      />
      <p className="note player-note">
        <a className="link" href={video.url} target="_blank" rel="noreferrer">
          Open the file
        </a>
        {video.expiresAt && ` · its URL expires in ${leftOf(video.expiresAt, now)}`}
      </p>
    </>
  )
}

function leftOf(expiresAt: string, now: number): string {
  return formatDuration(Date.parse(expiresAt) - now)
}
