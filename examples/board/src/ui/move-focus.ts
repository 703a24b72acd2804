import type { KeyboardEvent } from 'react'

const STEPS: Record<string, [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** Moves the focus with the arrow keys between the elements of a grid, by their places on the screen. */
export function moveFocus(event: KeyboardEvent<HTMLElement>, selector: string): void {
  const step = STEPS[event.key]
  const items = [...event.currentTarget.querySelectorAll<HTMLElement>(selector)]
  const current = items.indexOf(document.activeElement as HTMLElement)
  if (!step || current === -1) return
  event.preventDefault()
  const columns = items.filter(({ offsetTop }) => offsetTop === items[0]?.offsetTop).length
  items[current + step[0] + step[1] * columns]?.focus()
}
