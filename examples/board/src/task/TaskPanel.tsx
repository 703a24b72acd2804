import { useLayoutEffect, useRef } from 'react'
import { Icon } from '../ui/Icon.tsx'
import { TaskView } from './TaskView.tsx'
import './TaskPanel.css'

/** The open task, and how it was opened. */
export interface OpenedTask {
  id: string
  /** What had the focus, and gets it back. */
  opener: Element | null
  /** Whether the focus goes to the panel. */
  takesFocus: boolean
}

interface Props {
  opened: OpenedTask
  onClose(): void
}

const NARROW = '(max-width: 899px)'

/** The panel of one task. On a narrow screen it is a modal sheet. */
export function TaskPanel({ opened, onClose }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const closeButton = useRef<HTMLButtonElement>(null)

  // A layout effect, because its end must see the focus before the panel leaves the page.
  useLayoutEffect(() => {
    const element = dialog.current
    if (!element) return
    if (matchMedia(NARROW).matches) element.showModal()
    // Not `show()`, which would always take the focus.
    else element.open = true
    if (opened.takesFocus) closeButton.current?.focus()
    return () => {
      const hadFocus = element.contains(document.activeElement)
      element.close()
      if (hadFocus && opened.opener instanceof HTMLElement) opened.opener.focus()
    }
  }, [opened])

  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the click is on the backdrop; Escape closes too
    <dialog
      ref={dialog}
      className="task-panel"
      aria-label="Task"
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
      onClick={(event) => event.target === dialog.current && onClose()}
    >
      <div className="task-body">
        <header className="panel-head">
          <h2>Task</h2>
          <button
            ref={closeButton}
            type="button"
            className="icon-button"
            aria-label="Close the task"
            onClick={onClose}
          >
            <Icon name="close" />
          </button>
        </header>
        <TaskView key={opened.id} id={opened.id} />
      </div>
    </dialog>
  )
}
