/** What 0-0 reported about a new entity, with the requested values where it reported none. */
export function withRequested<T extends object>(reported: T, requested: Partial<T>): T {
  const answered = Object.entries(reported).filter(([, value]) => value !== null)
  return { ...reported, ...requested, ...Object.fromEntries(answered) }
}
