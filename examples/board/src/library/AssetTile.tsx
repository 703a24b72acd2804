import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { StatusMark } from '../ui/StatusMark.tsx'
import { writeDraggedAsset } from './dragged-asset.ts'
import { Thumb } from './Thumb.tsx'
import './AssetTile.css'

// `assetStatus`: one selection cannot have the `status` of assets and of tasks, as `changes` would.
export const AssetTileAsset = graphql(`
  fragment AssetTile_asset on Asset {
    id
    assetId
    name
    type
    assetStatus: status
    failureReason
    failure {
      code
      message
    }
    ...Thumb_asset
  }
`)

interface Props {
  asset: FragmentType<typeof AssetTileAsset>
  onOpen(): void
}

/** An asset with its live status. It can be dragged into a slot of the form. */
export function AssetTile({ asset: masked, onOpen }: Props) {
  const asset = getFragmentData(AssetTileAsset, masked)
  const { id, assetStatus: status, type, failure, failureReason } = asset
  const reason = failure?.code ?? failureReason
  return (
    <li>
      <button
        type="button"
        className="plain asset-tile"
        draggable={status !== 'FAILED'}
        onDragStart={(event) => writeDraggedAsset(event.dataTransfer, id, type ?? 'IMAGE')}
        onClick={onOpen}
      >
        <span className={status === 'PROCESSING' ? 'asset-picture shimmer' : 'asset-picture'}>
          <Thumb asset={asset} />
          {status === 'FAILED' && reason && (
            <span className="asset-reason" title={failureReason ?? reason}>
              {reason}
            </span>
          )}
        </span>
        <span className="asset-name" dir="auto">
          {asset.name || asset.assetId}
        </span>
        <StatusMark status={status} />
      </button>
    </li>
  )
}
