import { type FormEvent, useState } from 'react'
import { useQuery } from 'urql'
import { getFragmentData } from '../gql/index.ts'
import { AllAssets } from '../library/Assets.tsx'
import { AssetTileAsset } from '../library/AssetTile.tsx'
import { fileTypeOf, urlsOf } from '../library/file-type.ts'
import { Thumb } from '../library/Thumb.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { moveFocus } from '../ui/move-focus.ts'
import { StatusMark } from '../ui/StatusMark.tsx'
import type { Source } from './form-values.ts'
import './AssetPicker.css'

interface Props {
  title: string
  /** Whether the slot takes images only, as frames do. */
  isImageOnly: boolean
  onPick(source: Source): void
  onClose(): void
}

/** Fills a slot without a mouse: with an asset of the list, or with a URL. */
export function AssetPicker({ title, isImageOnly, onPick, onClose }: Props) {
  const [{ data }] = useQuery({ query: AllAssets, variables: {} })
  const [url, setUrl] = useState('')
  const assets = data?.assets.nodes
    .map((node) => getFragmentData(AssetTileAsset, node))
    .filter(
      ({ assetStatus, type }) => assetStatus !== 'FAILED' && (!isImageOnly || type === 'IMAGE'),
    )

  function submit(event: FormEvent) {
    event.preventDefault()
    const [first] = urlsOf(url)
    if (first) onPick({ kind: 'url', url: first, type: isImageOnly ? 'IMAGE' : fileTypeOf(first) })
  }

  return (
    <Dialog title={title} onClose={onClose}>
      <ul className="picker" onKeyDown={(event) => moveFocus(event, 'button')}>
        {assets?.map((asset) => (
          <li key={asset.id}>
            <button
              type="button"
              className="plain picker-item"
              onClick={() => onPick({ kind: 'asset', id: asset.id, type: asset.type ?? 'IMAGE' })}
            >
              <span className="picker-picture">
                <Thumb asset={asset} />
              </span>
              <span className="picker-name" dir="auto">
                {asset.name || asset.assetId}
              </span>
              <StatusMark status={asset.assetStatus} isSmall />
            </button>
          </li>
        ))}
      </ul>
      {assets?.length === 0 && <p className="muted">No asset fits here yet. Give a URL instead.</p>}
      <form className="picker-url" onSubmit={submit}>
        <input
          className="input"
          aria-label={`URL for: ${title}`}
          placeholder="or a URL: https://…"
          value={url}
          onChange={(event) => setUrl(event.target.value)}
        />
        <button className="button" type="submit" disabled={urlsOf(url).length === 0}>
          Use URL
        </button>
      </form>
    </Dialog>
  )
}
