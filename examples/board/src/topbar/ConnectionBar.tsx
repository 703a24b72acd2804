import { useStore } from '../graphql/store.ts'
import { useSession } from '../session/session.ts'
import { formatDuration } from '../ui/format.ts'
import { useNow } from '../ui/useNow.ts'

/** Says that the connection is lost, when the next attempt is, and how old the board is. */
export function ConnectionBar() {
  const { connection } = useSession()
  const state = useStore(connection.state)
  return (
    <div className="live-region" role="status">
      {state.status === 'waiting' && (
        <div className="connection-bar">
          <p>
            <strong>{state.isRestart ? 'The service restarts.' : 'Connection lost.'}</strong>{' '}
            <Countdown since={state.since} retryAt={state.retryAt} />
          </p>
          <button type="button" className="plain link" onClick={connection.retryNow}>
            Try now
          </button>
        </div>
      )}
    </div>
  )
}

function Countdown({ since, retryAt }: { since: number; retryAt: number }) {
  const now = useNow(250)
  const seconds = Math.ceil((retryAt - now) / 1000)
  return (
    <span aria-live="off">
      {seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…'} What you see is{' '}
      {formatDuration(now - since)} old.
    </span>
  )
}
