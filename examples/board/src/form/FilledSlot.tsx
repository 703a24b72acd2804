import { useQuery } from 'urql'
import { getFragmentData } from '../gql/index.ts'
import { OneAsset } from '../library/AssetDialog.tsx'
import { AssetTileAsset } from '../library/AssetTile.tsx'
import { MediaThumb, Thumb } from '../library/Thumb.tsx'
import { Icon } from '../ui/Icon.tsx'
import { StatusMark } from '../ui/StatusMark.tsx'
import type { Source } from './form-values.ts'

interface Props {
  name: string
  source: Source
  isInvalid: boolean
  onClear(): void
}

/** A slot with its file. The cache has the asset, so its status is live here too. */
export function FilledSlot({ name, source, isInvalid, onClear }: Props) {
  const isAsset = source.kind === 'asset'
  const [{ data }] = useQuery({
    query: OneAsset,
    variables: { id: isAsset ? source.id : '' },
    pause: !isAsset,
  })
  const asset = isAsset ? getFragmentData(AssetTileAsset, data?.asset) : null

  return (
    <fieldset className={isInvalid ? 'slot slot-filled slot-invalid' : 'slot slot-filled'}>
      <legend className="visually-hidden">{name}</legend>
      <span className="slot-picture">
        {asset && <Thumb asset={asset} />}
        {!isAsset && <MediaThumb type={source.type} url={source.url} />}
      </span>
      {asset && asset.assetStatus !== 'ACTIVE' && <StatusMark status={asset.assetStatus} isSmall />}
      <button type="button" className="slot-clear" aria-label={`Remove: ${name}`} onClick={onClear}>
        <Icon name="close" />
      </button>
      <span className="slot-name muted" aria-hidden="true">
        {name}
      </span>
    </fieldset>
  )
}
