/** What 0-0 said of something it has just created, and where it said nothing, what was asked for. */
export function completed<T extends object>(said: T, asked: Partial<T>): T {
  const answered = Object.entries(said).filter(([, value]) => value !== null)
  return { ...said, ...asked, ...Object.fromEntries(answered) }
}
