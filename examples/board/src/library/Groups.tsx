import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { ListError } from '../ui/ListError.tsx'
import { GroupRow } from './GroupRow.tsx'
import { NewGroup } from './NewGroup.tsx'
import { AssetGroups, type Library } from './useLibrary.ts'
import './Groups.css'

/** The list of groups. The selected group decides which assets are shown. */
export function Groups({ library }: { library: Library }) {
  const { groups, error, readGroups, selected, select } = library
  return (
    <section className="panel" aria-labelledby="groups-title">
      <header className="panel-head">
        <h2 id="groups-title">Groups</h2>
        <GraphQLLink isShort of="groups" document={AssetGroups} variables={{}} />
      </header>
      <ListError of="groups" error={error} isOld={groups !== undefined} onRetry={readGroups} />
      <ul className="groups" aria-busy={!groups && !error}>
        {groups?.map((group) => (
          <GroupRow
            key={group.id}
            group={group}
            isSelected={group.id === selected}
            onSelect={() => select(group.id === selected ? null : group.id)}
          />
        ))}
        {!groups && !error && <li className="group-wait shimmer" />}
        {groups?.length === 0 && (
          <li className="note groups-note">A group holds the pictures of one character.</li>
        )}
      </ul>
      <NewGroup library={library} />
    </section>
  )
}
