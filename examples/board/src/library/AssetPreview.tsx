import { type FragmentType, getFragmentData } from '../gql/index.ts'
import { Thumb, ThumbAsset } from './Thumb.tsx'

/** An asset in full: the picture, or a player of the video or of the sound. */
export function AssetPreview({ asset }: { asset: FragmentType<typeof ThumbAsset> }) {
  const { type, url, sourceUrl } = getFragmentData(ThumbAsset, asset)
  const file = url ?? sourceUrl
  if (file && type === 'VIDEO') {
    return (
      // biome-ignore lint/a11y/useMediaCaption: nobody wrote captions for the files of users
      <video className="thumb" src={file} aria-label="The video" controls playsInline />
    )
  }
  if (file && type === 'AUDIO') {
    return (
      // biome-ignore lint/a11y/useMediaCaption: nobody wrote captions for the files of users
      <audio src={file} aria-label="The sound" controls preload="metadata" />
    )
  }
  return <Thumb asset={asset} />
}
