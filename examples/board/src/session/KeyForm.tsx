import { type FormEvent, useEffect, useRef, useState } from 'react'
import { Mark } from '../ui/Mark.tsx'
import { checkKey } from './check-key.ts'
import type { BoardSettings } from './settings.ts'
import './KeyForm.css'

interface Props {
  settings: BoardSettings
  /** Why the credential that was used before is refused. */
  refusal: string | null
  onAccept(credential: string): void
}

/** Asks for the key or the token, and passes it on when the service accepts it. */
export function KeyForm({ settings, refusal, onAccept }: Props) {
  const { sandbox } = settings
  const [value, setValue] = useState(sandbox?.key ?? '')
  const [problem, setProblem] = useState(refusal)
  const [isChecking, setChecking] = useState(false)
  const input = useRef<HTMLInputElement>(null)
  const isToken = settings.credential === 'token'
  const name = isToken ? 'Token' : 'Key of 0-0'

  useEffect(() => input.current?.focus(), [])

  async function submit(event: FormEvent) {
    event.preventDefault()
    const credential = value.trim()
    if (credential === '') return setProblem(`Enter a ${isToken ? 'token' : 'key'}.`)
    // The browser sends no header with other characters.
    if (!/^[\x21-\x7e]+$/.test(credential))
      return setProblem(`This is not a ${isToken ? 'token' : 'key'}.`)
    setChecking(true)
    const reason = await checkKey(credential)
    setChecking(false)
    if (reason === null) return onAccept(credential)
    setProblem(reason)
    input.current?.focus()
  }

  return (
    <main className="key-page">
      <form className="key-form" onSubmit={submit} noValidate>
        <h1>
          <Mark /> ZeroGraph
        </h1>
        <p className="muted">
          {sandbox
            ? 'This service runs with a sandbox. Its key is filled in: it needs no account and costs nothing.'
            : `Enter your ${isToken ? 'token' : 'key'}. Videos that you make here cost money.`}
        </p>
        <label htmlFor="key">{name}</label>
        <input
          id="key"
          ref={input}
          className="input"
          type={sandbox ? 'text' : 'password'}
          autoComplete="off"
          spellCheck={false}
          value={value}
          aria-invalid={problem !== null}
          aria-describedby="key-note"
          onChange={(event) => setValue(event.target.value)}
        />
        <p id="key-note" className={problem === null ? 'note' : 'note fail'} role="status">
          {problem ?? 'It stays in this tab, and is forgotten when you close it.'}
        </p>
        <button className="button primary" type="submit" disabled={isChecking}>
          {isChecking ? 'Checking…' : 'Open the board'}
        </button>
      </form>
      <p className="key-version">Version {settings.version}</p>
    </main>
  )
}
