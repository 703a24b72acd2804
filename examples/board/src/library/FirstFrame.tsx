/** The first frame of a video as a picture. It fills its parent, which has a fixed size. */
export function FirstFrame({ url, onError }: { url: string; onError: () => void }) {
  return (
    <video
      className="thumb"
      src={url}
      preload="metadata"
      muted
      playsInline
      tabIndex={-1}
      aria-hidden="true"
      onError={onError}
    />
  )
}
