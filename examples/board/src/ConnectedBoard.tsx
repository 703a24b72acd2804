import { useEffect, useState } from 'react'
import { type Client, Provider } from 'urql'
import { Board } from './Board.tsx'
import { createClient } from './graphql/client.ts'
import { createConnection } from './graphql/connection.ts'
import { LiveChanges } from './graphql/LiveChanges.tsx'
import { type Session, SessionContext } from './session/session.ts'
import type { BoardSettings } from './session/settings.ts'

interface Props {
  settings: BoardSettings
  credential: string | null
  /** Called when the credential is refused, with the reason, and when the user changes it. */
  onLeave(reason: string | null): void
}

/** Opens the connection for a credential and shows the board with it. */
export function ConnectedBoard({ settings, credential, onLeave }: Props) {
  const [open, setOpen] = useState<{ session: Session; client: Client } | null>(null)

  useEffect(() => {
    const connection = createConnection(credential)
    const client = createClient({ credential, connection, onRefused: onLeave })
    setOpen({ session: { settings, connection }, client })
    return () => connection.close()
  }, [settings, credential, onLeave])

  if (open === null) return null
  return (
    <Provider value={open.client}>
      <SessionContext value={open.session}>
        <LiveChanges />
        <Board onChangeKey={() => onLeave(null)} />
      </SessionContext>
    </Provider>
  )
}
