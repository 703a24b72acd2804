import { useQuery } from 'urql'
import type { Source } from '../form/form-values.ts'
import type { ResourceRole } from '../gql/graphql.ts'
import { getFragmentData, graphql } from '../gql/index.ts'
import { CopyId } from '../ui/CopyId.tsx'
import { Dialog } from '../ui/Dialog.tsx'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { StatusMark } from '../ui/StatusMark.tsx'
import { AssetPreview } from './AssetPreview.tsx'
import { AssetTileAsset } from './AssetTile.tsx'
import './AssetDialog.css'

export const OneAsset = graphql(`
  query OneAsset($id: ID!) {
    asset(id: $id) {
      ...AssetTile_asset
    }
  }
`)

/** Puts an asset or a URL into the form. */
export type UseAsset = (role: ResourceRole, source: Source) => void

interface Props {
  id: string
  onUse: UseAsset
  onClose(): void
}

/** One asset: its picture, status, reason of a failure, id, and the roles that it can have in a video. */
export function AssetDialog({ id, onUse, onClose }: Props) {
  const [{ data }] = useQuery({ query: OneAsset, variables: { id } })
  const asset = getFragmentData(AssetTileAsset, data?.asset)
  if (!asset) return null
  const { type, assetStatus: status, failure, failureReason } = asset
  const roles: [ResourceRole, string][] =
    type === 'IMAGE'
      ? [
          ['FIRST_FRAME', 'first frame'],
          ['LAST_FRAME', 'last frame'],
          ['REFERENCE', 'reference'],
        ]
      : [['REFERENCE', 'reference']]

  return (
    <Dialog title={asset.name || asset.assetId} onClose={onClose}>
      <div className="asset-large">
        <AssetPreview asset={asset} />
      </div>
      <p>
        <StatusMark status={status} />
      </p>
      {status === 'FAILED' && <p className="fail">{failure?.message ?? failureReason}</p>}
      {status !== 'FAILED' && (
        <p className="asset-roles">
          {roles.map(([role, name]) => (
            <button
              key={role}
              type="button"
              className="button"
              onClick={() => {
                onUse(role, { kind: 'asset', id, type: type ?? 'IMAGE' })
                onClose()
              }}
            >
              Use as {name}
            </button>
          ))}
        </p>
      )}
      <footer className="dialog-foot">
        <CopyId id={id} name="the asset" />
        <GraphQLLink of="the asset" document={OneAsset} variables={{ id }} />
      </footer>
    </Dialog>
  )
}
