const NAME = 'zerograph-credential'

/** Returns the credential of this tab, or null. Session storage ends with the tab. */
export function readCredential(): string | null {
  try {
    return sessionStorage.getItem(NAME)
  } catch {
    // A browser may forbid storage. The credential then lives as long as the page.
    return null
  }
}

/** Keeps the credential for reloads of this tab. Null removes it. */
export function storeCredential(credential: string | null): void {
  try {
    if (credential === null) sessionStorage.removeItem(NAME)
    else sessionStorage.setItem(NAME, credential)
  } catch {}
}
