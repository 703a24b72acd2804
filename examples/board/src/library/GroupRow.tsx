import { type FragmentType, getFragmentData, graphql } from '../gql/index.ts'
import { StatusMark } from '../ui/StatusMark.tsx'
import { Thumb } from './Thumb.tsx'
import './GroupRow.css'

export const GroupRowGroup = graphql(`
  fragment GroupRow_group on AssetGroup {
    id
    name
    assets(first: 50) {
      nodes {
        id
        createdAt
        status
        ...Thumb_asset
      }
      pageInfo {
        hasNextPage
      }
    }
  }
`)

interface Props {
  group: FragmentType<typeof GroupRowGroup>
  isSelected: boolean
  onSelect(): void
}

const SHOWN = 4

/** A group: its name, the number of its assets, and the newest of them. */
export function GroupRow({ group, isSelected, onSelect }: Props) {
  const { name, id, assets } = getFragmentData(GroupRowGroup, group)
  const count = `${assets.nodes.length}${assets.pageInfo.hasNextPage ? '+' : ''}`
  return (
    <li>
      <button
        type="button"
        className="plain group-row"
        aria-pressed={isSelected}
        onClick={onSelect}
      >
        <span className="group-name" dir="auto">
          {name || id}
        </span>
        <span className="muted">
          {count}
          <span className="visually-hidden"> assets</span>
        </span>
        <span className="group-thumbs">
          {assets.nodes.slice(0, SHOWN).map((asset) => (
            <span key={asset.id} className="group-thumb">
              <Thumb asset={asset} />
              {asset.status !== 'ACTIVE' && <StatusMark status={asset.status} isSmall />}
            </span>
          ))}
        </span>
      </button>
    </li>
  )
}
