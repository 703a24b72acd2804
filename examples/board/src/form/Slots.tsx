import { type FocusEvent, useEffect, useRef } from 'react'
import type { ResourceRole } from '../gql/graphql.ts'
import type { Issue } from '../graphql/problem.ts'
import { EmptySlot } from './EmptySlot.tsx'
import { FilledSlot } from './FilledSlot.tsx'
import { idOf, type Source, sourcesOf } from './form-values.ts'
import type { VideoFormState } from './useVideoForm.ts'
import './Slots.css'

/** The slot for which the user chooses a file. */
export interface Picking {
  role: ResourceRole
  name: string
}

interface Props {
  form: VideoFormState
  issues: Issue[]
  onPick(picking: Picking): void
}

/** The slots for a first frame, a last frame and references. */
export function Slots({ form, issues, onPick }: Props) {
  const { values, change, use } = form
  const { firstFrame, lastFrame, references } = values
  const sources = sourcesOf(values)
  const fileIssues = issues.filter(({ path }) => path[0] === 'resources' || path[0] === 'files')
  const invalid = fileIssues.map(({ path }) => sources[Number(path[1])]?.source)

  const list = useRef<HTMLDivElement>(null)
  const usedSlot = useRef(-1)

  function rememberSlot({ target }: FocusEvent) {
    usedSlot.current = [...(list.current?.children ?? [])].findIndex((slot) =>
      slot.contains(target),
    )
  }
  // A slot that is filled or cleared is replaced, and so the focus in it is lost.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only these change the slots
  useEffect(() => {
    if (document.activeElement !== document.body) return
    list.current?.children[usedSlot.current]?.querySelector('button')?.focus()
  }, [firstFrame, lastFrame, references])

  function frame(name: string, role: ResourceRole, source: Source | null, clear: () => void) {
    return source ? (
      <FilledSlot
        name={name}
        source={source}
        isInvalid={invalid.includes(source)}
        onClear={clear}
      />
    ) : (
      <EmptySlot
        name={name}
        onChoose={() => onPick({ role, name })}
        onDrop={(dropped) => use(role, dropped)}
      />
    )
  }

  return (
    <fieldset className="slots" onFocus={rememberSlot}>
      <legend className="visually-hidden">Files of the video</legend>
      <div ref={list} className="slot-list">
        {frame('First frame', 'FIRST_FRAME', firstFrame, () => change({ firstFrame: null }))}
        {frame('Last frame', 'LAST_FRAME', lastFrame, () => change({ lastFrame: null }))}
        <span className="slot-divider" />
        {references.map((source, index) => (
          <FilledSlot
            key={idOf(source)}
            name={`Reference ${index + 1}`}
            source={source}
            isInvalid={invalid.includes(source)}
            onClear={() => change({ references: references.filter((other) => other !== source) })}
          />
        ))}
        <EmptySlot
          name="Reference"
          onChoose={() => onPick({ role: 'REFERENCE', name: 'Reference' })}
          onDrop={(dropped) => use('REFERENCE', dropped)}
        />
      </div>
      <p className="note fail slots-note" role="status">
        {fileIssues.map(({ message }) => message).join(' ')}
      </p>
    </fieldset>
  )
}
