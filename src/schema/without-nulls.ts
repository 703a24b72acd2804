type WithoutNulls<T> = { [Name in keyof T]: Exclude<T[Name], null> }

/** An input with its nulls left out: to callers of ours, null and absent mean the same. */
export function withoutNulls<T extends object>(input: T): WithoutNulls<T> {
  const given = Object.entries(input).filter(([, value]) => value !== null)
  return Object.fromEntries(given) as WithoutNulls<T>
}
