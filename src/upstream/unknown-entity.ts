const NAMES = { assetGroup: 'group', asset: 'asset', videoTask: 'video task' }

/** Names an entity that 0-0 does not know, for the message of NOT_FOUND: `the asset Asset-1`. */
export function unknownEntity(kind: keyof typeof NAMES, id: string): string {
  return `the ${NAMES[kind]} ${id}`
}
