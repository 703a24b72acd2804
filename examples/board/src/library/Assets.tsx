import { useRef, useState } from 'react'
import { graphql } from '../gql/index.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { Icon } from '../ui/Icon.tsx'
import { ListError } from '../ui/ListError.tsx'
import { ProblemNotice } from '../ui/ProblemNotice.tsx'
import { AddAsset } from './AddAsset.tsx'
import { AssetDialog, type UseAsset } from './AssetDialog.tsx'
import { AssetTile } from './AssetTile.tsx'
import type { Library } from './useLibrary.ts'
import './Assets.css'

export const AllAssets = graphql(`
  query AllAssets {
    assets(first: 60) {
      nodes {
        id
        createdAt
        ...AssetTile_asset
      }
    }
  }
`)

export const GroupAssets = graphql(`
  query GroupAssets($id: ID!) {
    assetGroup(id: $id) {
      id
      name
      assets(first: 60) {
        nodes {
          id
          createdAt
          ...AssetTile_asset
        }
      }
    }
  }
`)

/** The assets of the selected group, or all of them, and the form that registers more. */
export function Assets({ library, onUse }: { library: Library; onUse: UseAsset }) {
  const [isAdding, setAdding] = useState(false)
  const addButton = useRef<HTMLButtonElement>(null)
  const [opened, setOpened] = useState<string | null>(null)
  const id = library.selected ?? ''
  const all = useLiveQuery({ query: AllAssets, variables: {}, pause: id !== '' })
  const ofGroup = useLiveQuery({ query: GroupAssets, variables: { id }, pause: id === '' })
  const shown = id === '' ? all : ofGroup
  const group = ofGroup.data?.assetGroup
  const isLoaded = id === '' || group?.id === id
  const assets = id === '' ? all.data?.assets.nodes : isLoaded ? group?.assets.nodes : undefined
  const title = id === '' ? 'Assets' : `Assets of ${(isLoaded && group?.name) || '…'}`

  function closeForm() {
    setAdding(false)
    addButton.current?.focus()
  }

  return (
    <section className="panel" aria-labelledby="assets-title">
      <header className="panel-head">
        <h2 id="assets-title">{title}</h2>
        {id === '' ? (
          <GraphQLLink isShort of="assets" document={AllAssets} variables={{}} />
        ) : (
          <GraphQLLink isShort of="assets" document={GroupAssets} variables={{ id }} />
        )}
        <button
          ref={addButton}
          type="button"
          className="icon-button"
          aria-label="Add an asset"
          aria-expanded={isAdding}
          onClick={() => setAdding(!isAdding)}
        >
          <Icon name={isAdding ? 'close' : 'plus'} />
        </button>
      </header>
      {isAdding && <AddAsset library={library} onDone={closeForm} />}
      <ProblemNotice problem={library.problem} onClose={() => library.setProblem(null)} />
      <ListError
        of="assets"
        error={shown.error}
        isOld={assets !== undefined}
        onRetry={() => shown.execute({ requestPolicy: 'network-only' })}
      />
      <ul className="asset-grid">
        {assets?.map((asset) => (
          <AssetTile key={asset.id} asset={asset} onOpen={() => setOpened(asset.id)} />
        ))}
      </ul>
      {assets?.length === 0 && (
        <p className="note">Drop or paste the URL of a picture anywhere on this page.</p>
      )}
      {opened && <AssetDialog id={opened} onUse={onUse} onClose={() => setOpened(null)} />}
    </section>
  )
}
