import { useEffect, useEffectEvent } from 'react'

/** Calls the action of a pressed key. In a field only Escape is a shortcut, and none in a modal dialog. */
export function useShortcuts(actions: Record<string, () => void>): void {
  const press = useEffectEvent((event: KeyboardEvent) => {
    const action = actions[event.key]
    const { target } = event
    if (!action || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (document.querySelector('dialog:modal')) return
    const isInField = target instanceof Element && target.closest('input, textarea, select')
    if (isInField && event.key !== 'Escape') return
    event.preventDefault()
    action()
  })

  useEffect(() => {
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])
}
