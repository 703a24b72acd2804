import { useState } from 'react'
import type { ResourceRole } from '../gql/graphql.ts'
import type { Issue } from '../graphql/problem.ts'
import { AssetPicker } from './AssetPicker.tsx'
import { EmptySlot } from './EmptySlot.tsx'
import { FilledSlot } from './FilledSlot.tsx'
import { idOf, type Source, sourcesOf } from './form-values.ts'
import type { VideoFormState } from './useVideoForm.ts'
import './Slots.css'

interface Props {
  form: VideoFormState
  issues: Issue[]
}

/** The slots for a first frame, a last frame and references. */
export function Slots({ form, issues }: Props) {
  const [picking, setPicking] = useState<{ role: ResourceRole; name: string } | null>(null)
  const { values, change, use } = form
  const { firstFrame, lastFrame, references } = values
  const sources = sourcesOf(values)
  const isOfFiles = ({ path }: Issue) => path[0] === 'resources' || path[0] === 'files'

  function issueOf(source: Source) {
    const position = String(sources.findIndex((other) => other.source === source))
    return issues.find((issue) => isOfFiles(issue) && issue.path[1] === position)?.message
  }

  function frame(name: string, role: ResourceRole, source: Source | null, clear: () => void) {
    return source ? (
      <FilledSlot name={name} source={source} issue={issueOf(source)} onClear={clear} />
    ) : (
      <EmptySlot
        name={name}
        onChoose={() => setPicking({ role, name })}
        onDrop={(dropped) => use(role, dropped)}
      />
    )
  }

  const general = issues.find((issue) => isOfFiles(issue) && issue.path[1] === undefined)
  return (
    <fieldset className="slots">
      <legend className="visually-hidden">Files of the video</legend>
      <div className="slot-list">
        {frame('First frame', 'FIRST_FRAME', firstFrame, () => change({ firstFrame: null }))}
        {frame('Last frame', 'LAST_FRAME', lastFrame, () => change({ lastFrame: null }))}
        <span className="slot-divider" />
        {references.map((source, index) => (
          <FilledSlot
            key={idOf(source)}
            name={`Reference ${index + 1}`}
            source={source}
            issue={issueOf(source)}
            onClear={() => change({ references: references.filter((other) => other !== source) })}
          />
        ))}
        <EmptySlot
          name="Reference"
          onChoose={() => setPicking({ role: 'REFERENCE', name: 'Reference' })}
          onDrop={(dropped) => use('REFERENCE', dropped)}
        />
      </div>
      <p className="note fail">{general?.message}</p>
      {picking && (
        <AssetPicker
          title={picking.name}
          isImageOnly={picking.role !== 'REFERENCE'}
          onPick={(source) => {
            use(picking.role, source)
            setPicking(null)
          }}
          onClose={() => setPicking(null)}
        />
      )}
    </fieldset>
  )
}
