import { useSession } from '../session/session.ts'
import { formatNumber } from '../ui/format.ts'
import { Icon } from '../ui/Icon.tsx'
import { Mark } from '../ui/Mark.tsx'
import { ConnectionMark } from './ConnectionMark.tsx'
import { useUsage } from './useUsage.ts'
import './TopBar.css'

/** The name, the state of the connection, the tasks that run, the tokens used, and the key. */
export function TopBar({ onChangeKey }: { onChangeKey(): void }) {
  const { settings } = useSession()
  const usage = useUsage()
  return (
    <header className="top-bar">
      <h1>
        <Mark /> ZeroGraph
      </h1>
      {settings.sandbox && <span className="tag">sandbox</span>}
      <ConnectionMark />
      <p className="usage">
        {usage && (
          <>
            <span>
              <b>{usage.pending}</b> {usage.pending === 1 ? 'task' : 'tasks'} running
            </span>
            <span className="usage-tokens">
              <b>{formatNumber(usage.totalTokens)}</b> tokens used
            </span>
          </>
        )}
      </p>
      {settings.credential !== 'none' && (
        <button
          type="button"
          className="icon-button"
          aria-label="Change the key"
          onClick={onChangeKey}
        >
          <Icon name="key" />
        </button>
      )}
    </header>
  )
}
