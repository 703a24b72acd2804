import { useId } from 'react'

interface Props {
  name: string
  value: string
  choices: readonly string[]
  /** What follows each choice, for example ` s`. */
  unit?: string
  issue: string | undefined
  onChange(value: string): void
}

/** A select with its label and its issue. */
export function Choice({ name, value, choices, unit = '', issue, onChange }: Props) {
  const id = useId()
  return (
    <div className="choice">
      <label className="note" htmlFor={id}>
        {name}
      </label>
      <select
        id={id}
        className="select"
        value={value}
        aria-invalid={issue !== undefined}
        aria-describedby={`${id}-note`}
        onChange={(event) => onChange(event.target.value)}
      >
        {/* A value that the model does not have stays visible beside its issue. */}
        {!choices.includes(value) && <option value={value}>{`${value}${unit}`}</option>}
        {choices.map((choice) => (
          <option key={choice} value={choice}>
            {`${choice}${unit}`}
          </option>
        ))}
      </select>
      <p id={`${id}-note`} className="note fail">
        {issue}
      </p>
    </div>
  )
}
