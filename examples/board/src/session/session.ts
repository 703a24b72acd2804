import { createContext, use } from 'react'
import type { Connection } from '../graphql/connection.ts'
import type { BoardSettings } from './settings.ts'

/** What every part of the board may need: the settings of the page and its connection. */
export interface Session {
  settings: BoardSettings
  connection: Connection
}

export const SessionContext = createContext<Session | null>(null)

/** Returns the session. Throws outside of `SessionContext`. */
export function useSession(): Session {
  const session = use(SessionContext)
  if (session === null) throw new Error('useSession needs a SessionContext above it.')
  return session
}
