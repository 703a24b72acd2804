import type { GraphiQLOptions } from 'graphql-yoga'

export function tabs(_sandboxUrl: string | null): NonNullable<GraphiQLOptions['defaultTabs']> {
  return []
}
