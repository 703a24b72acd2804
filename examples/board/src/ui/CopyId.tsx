import { useEffect, useState } from 'react'
import { Icon } from './Icon.tsx'
import './CopyId.css'

const SHOWN_MS = 1_500

/** An id that a click copies. */
export function CopyId({ id, name }: { id: string; name: string }) {
  const [isCopied, setCopied] = useState(false)

  useEffect(() => {
    if (!isCopied) return
    const timer = setTimeout(() => setCopied(false), SHOWN_MS)
    return () => clearTimeout(timer)
  }, [isCopied])

  return (
    <button
      type="button"
      className="plain copy-id"
      title={id}
      onClick={() => void copy(id).then(setCopied)}
    >
      <span className="visually-hidden">{isCopied ? 'Copied' : `Copy the id of ${name}`}</span>
      <code>{id}</code>
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  )
}

/** Copies the text. Returns false when the browser refuses, as it does on pages without HTTPS. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}
