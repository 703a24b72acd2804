import { useState } from 'react'
import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { Icon } from '../ui/Icon.tsx'
import { FirstFrame } from './FirstFrame.tsx'
import './Thumb.css'

export const ThumbAsset = graphql(`
  fragment Thumb_asset on Asset {
    type
    url
    sourceUrl
  }
`)

/** The picture of an asset. It fills its parent, which has a fixed size. */
export function Thumb({ asset }: { asset: FragmentType<typeof ThumbAsset> }) {
  const { type, url, sourceUrl } = getFragmentData(ThumbAsset, asset)
  return <MediaThumb type={type ?? 'IMAGE'} url={url ?? sourceUrl ?? null} />
}

/** The picture of a file: an image, the first frame of a video, or a drawing. */
export function MediaThumb({ type, url }: { type: string; url: string | null }) {
  const [failedUrl, setFailedUrl] = useState<string | null>(null)
  const isShown = url !== null && url !== failedUrl
  if (isShown && type === 'IMAGE') {
    return (
      <img
        className="thumb"
        src={url}
        alt=""
        loading="lazy"
        draggable={false}
        onError={() => setFailedUrl(url)}
      />
    )
  }
  if (isShown && type === 'VIDEO') {
    return (
      <span className="thumb thumb-video">
        <FirstFrame url={url} onError={() => setFailedUrl(url)} />
        <Icon name="film" />
      </span>
    )
  }
  return (
    <span className="thumb thumb-icon">
      <Icon name={type === 'AUDIO' ? 'sound' : type === 'VIDEO' ? 'film' : 'picture'} />
    </span>
  )
}
