import { useEffect, useRef, useState } from 'react'
import { useQuery } from 'urql'
import { graphql } from '../gql/index.ts'
import { type FormValues, taskInputOf } from './form-values.ts'

export const PreviewVideo = graphql(`
  query PreviewVideo($input: CreateVideoTaskInput!) {
    previewVideoTask(input: $input) {
      submittable
      estimatedVideoTokens
      issues {
        path
        message
      }
      pendingAssets {
        id
        name
        status
      }
    }
  }
`)

const AFTER_MS = 300

/** Checks the form 300 ms after its last change. The last preview stays until the next one is there. */
export function usePreview(values: FormValues) {
  const [input, setInput] = useState(() => taskInputOf(values))
  const isEmpty = input.prompt === ''
  const [{ data, error }] = useQuery({
    query: PreviewVideo,
    variables: { input },
    pause: isEmpty,
    requestPolicy: 'cache-and-network',
  })
  const last = useRef(data)
  if (data) last.current = data

  useEffect(() => {
    const timer = setTimeout(() => setInput(taskInputOf(values)), AFTER_MS)
    return () => clearTimeout(timer)
  }, [values])

  const preview = isEmpty ? null : ((data ?? last.current)?.previewVideoTask ?? null)
  return { preview, error, variables: { input } }
}
