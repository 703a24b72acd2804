/** The mark of ZeroGraph, beside its name. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" width="20" height="20" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <path d="M13 10.5v11l9-5.5z" fill="var(--on-accent)" />
    </svg>
  )
}
