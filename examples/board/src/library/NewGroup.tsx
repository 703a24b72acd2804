import { type FormEvent, useState } from 'react'
import type { Library } from './useLibrary.ts'

/** Creates a group and selects it. */
export function NewGroup({ library }: { library: Library }) {
  const [name, setName] = useState('')

  async function submit(event: FormEvent) {
    event.preventDefault()
    const id = name.trim() && (await library.makeGroup(name.trim()))
    if (!id) return
    setName('')
    library.select(id)
  }

  return (
    <form className="new-group" onSubmit={submit}>
      <input
        className="input"
        aria-label="Name of a new group"
        placeholder="New group"
        maxLength={64}
        value={name}
        onChange={(event) => setName(event.target.value)}
      />
      <button className="button" type="submit" disabled={name.trim() === ''}>
        Create
      </button>
    </form>
  )
}
