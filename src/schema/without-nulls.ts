type WithoutNulls<T> = { [Name in keyof T]: Exclude<T[Name], null> }

/** Returns the input without the fields that are null. For inputs, null and absent mean the same. */
export function withoutNulls<T extends object>(input: T): WithoutNulls<T> {
  const given = Object.entries(input).filter(([, value]) => value !== null)
  return Object.fromEntries(given) as WithoutNulls<T>
}
