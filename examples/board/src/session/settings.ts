/** What the page must know before it has a credential: the response of `GET /board.json`. */
export interface BoardSettings {
  /** A key of 0-0, a token of the service's issuer, or nothing. */
  credential: 'key' | 'token' | 'none'
  /** The sandbox that runs in place of 0-0. Null with the real 0-0. */
  sandbox: Sandbox | null
  /** Whether `/graphql` shows GraphiQL. */
  graphiql: boolean
  /** The version of the service. */
  version: string
}

export interface Sandbox {
  url: string
  /** A key that the sandbox accepts. */
  key: string
  samples: Sample[]
}

/** A file that the sandbox serves. An asset made of a sample with `fails` becomes FAILED. */
export interface Sample {
  name: string
  url: string
  type: 'IMAGE' | 'VIDEO' | 'AUDIO'
  fails: boolean
}

/** Loads the settings. Rejects when the service cannot be reached or answers with an error. */
export async function loadSettings(): Promise<BoardSettings> {
  const response = await fetch('/board.json')
  if (!response.ok) throw new Error(`The service answered ${response.status}.`)
  return response.json()
}
