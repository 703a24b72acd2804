/** The header of HTTP requests and the payload of `connection_init`: the service reads the same from both. */
export function authorizationOf(credential: string | null): Record<string, string> {
  return credential === null ? {} : { Authorization: `Bearer ${credential}` }
}
