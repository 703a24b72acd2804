import { useCallback, useEffect, useState } from 'react'
import { ConnectedBoard } from './ConnectedBoard.tsx'
import { readCredential, storeCredential } from './session/credential.ts'
import { KeyForm } from './session/KeyForm.tsx'
import { type BoardSettings, loadSettings } from './session/settings.ts'

const RETRY_MS = 2_000

/** The page: asks for a credential when there is none, and otherwise shows the board. */
export function App() {
  const [settings, setSettings] = useState<BoardSettings | null>(null)
  const [isUnreachable, setUnreachable] = useState(false)
  const [credential, setCredential] = useState(readCredential)
  const [refusal, setRefusal] = useState<string | null>(null)

  useEffect(() => {
    let timer: number | undefined
    const load = () =>
      loadSettings().then(setSettings, () => {
        setUnreachable(true)
        timer = window.setTimeout(load, RETRY_MS)
      })
    void load()
    return () => clearTimeout(timer)
  }, [])

  const leave = useCallback((reason: string | null) => {
    setRefusal(reason)
    setCredential(null)
    storeCredential(null)
  }, [])

  if (settings === null) {
    return (
      <main className="page-state" aria-busy="true">
        {isUnreachable && <p role="status">The service cannot be reached. Trying again…</p>}
      </main>
    )
  }
  if (credential === null && settings.credential !== 'none') {
    const accept = (accepted: string) => {
      storeCredential(accepted)
      setRefusal(null)
      setCredential(accepted)
    }
    return <KeyForm settings={settings} refusal={refusal} onAccept={accept} />
  }
  return <ConnectedBoard settings={settings} credential={credential} onLeave={leave} />
}
