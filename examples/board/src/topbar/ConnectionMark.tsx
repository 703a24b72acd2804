import { useStore } from '../graphql/store.ts'
import { useSession } from '../session/session.ts'

/** The state of the connection by word, shape and colour. */
export function ConnectionMark() {
  const { status } = useStore(useSession().connection.state)
  if (status === 'live') return <span className="connection connection-live">live</span>
  const text = status === 'connecting' ? 'connecting' : 'reconnecting'
  return <span className="connection">{text}</span>
}
