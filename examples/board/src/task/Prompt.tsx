import { useState } from 'react'
import './Prompt.css'

/** How many characters are shown at first: about eight lines. */
const SHOWN = 320

/** The prompt of a task. A long one is cut until the user wants to see all of it. */
export function Prompt({ text }: { text: string }) {
  const [isWhole, setWhole] = useState(text.length <= SHOWN)
  return (
    <div>
      <p className={isWhole ? 'task-prompt' : 'task-prompt task-prompt-cut'} dir="auto">
        {text}
      </p>
      {text.length > SHOWN && (
        <button
          type="button"
          className="plain link note"
          aria-expanded={isWhole}
          onClick={() => setWhole(!isWhole)}
        >
          {isWhole ? 'Show less' : 'Show the whole prompt'}
        </button>
      )}
    </div>
  )
}
