import { useState } from 'react'
import type { ResourceRole } from '../gql/graphql.ts'
import { newKey } from '../ui/new-key.ts'
import { EMPTY_FORM, type FormValues, idOf, type Source } from './form-values.ts'

/** The values of the form, and the idempotency key of the video that they describe. */
export type VideoFormState = ReturnType<typeof useVideoForm>

/**
 * The key changes with the values. So a double click, or a repeat after a lost answer, sends the same
 * key, and the service makes one video.
 */
export function useVideoForm() {
  const [form, setForm] = useState({ values: EMPTY_FORM, idempotencyKey: newKey() })

  function change(patch: Partial<FormValues>) {
    setForm(({ values }) => ({ values: { ...values, ...patch }, idempotencyKey: newKey() }))
  }

  /** Puts a file into its slot. Frames and references exclude each other. */
  function use(role: ResourceRole, source: Source) {
    if (role === 'FIRST_FRAME') change({ firstFrame: source, references: [] })
    else if (role === 'LAST_FRAME') change({ lastFrame: source, references: [] })
    else {
      const others = form.values.references.filter((other) => idOf(other) !== idOf(source))
      const references = [...others, source]
      change({ firstFrame: null, lastFrame: null, references })
    }
  }

  /** Begins another video with the same values. */
  function renewKey() {
    change({})
  }

  return { ...form, change, use, renewKey }
}
