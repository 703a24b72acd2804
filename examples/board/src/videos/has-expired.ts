/** Whether the time has passed. Without a time, nothing expires. */
export function hasExpired(expiresAt: string | null | undefined, now: number): boolean {
  return expiresAt != null && Date.parse(expiresAt) <= now
}
