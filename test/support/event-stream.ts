import type { Data } from './app.ts'

/** Parses a complete event stream. `data` is null when an event has none. */
export function eventsOf(text: string): { event: string; data: Data | null }[] {
  return text
    .split('\n\n')
    .map((block) => ({
      event: /^event: *(.*)$/m.exec(block)?.[1] ?? '',
      data: JSON.parse(/^data: *(.*)$/m.exec(block)?.[1] || 'null') as Data | null,
    }))
    .filter(({ event }) => event !== '')
}
