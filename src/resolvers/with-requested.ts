/** Returns the entity that 0-0 reported, with the requested value for each property that it reported as null. */
export function withRequested<T extends object>(reported: T, requested: Partial<T>): T {
  const nonNull = Object.entries(reported).filter(([, value]) => value !== null)
  return { ...reported, ...requested, ...Object.fromEntries(nonNull) }
}
