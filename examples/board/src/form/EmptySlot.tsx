import { useState } from 'react'
import { readDraggedSource } from '../library/dragged-asset.ts'
import { Icon } from '../ui/Icon.tsx'
import type { Source } from './form-values.ts'

interface Props {
  name: string
  /** Called when the user wants to choose a file from a list. */
  onChoose(): void
  onDrop(source: Source): void
}

/** A slot without a file. Takes an asset or a URL that is dropped on it. */
export function EmptySlot({ name, onChoose, onDrop }: Props) {
  const [isOver, setOver] = useState(false)
  return (
    <div className={isOver ? 'slot slot-over' : 'slot'}>
      <button
        type="button"
        className="slot-picture"
        aria-label={`Choose: ${name}`}
        onClick={onChoose}
        onDragOver={(event) => {
          event.preventDefault()
          setOver(true)
        }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault()
          setOver(false)
          const source = readDraggedSource(event.dataTransfer)
          if (source) onDrop(source)
        }}
      >
        <Icon name="plus" />
      </button>
      <span className="slot-name muted" aria-hidden="true">
        {name}
      </span>
    </div>
  )
}
