import { graphql } from '../gql/index.ts'
import type { Issue } from '../graphql/problem.ts'
import { useLiveQuery } from '../graphql/useLiveQuery.ts'
import { Choice } from './Choice.tsx'
import type { VideoFormState } from './useVideoForm.ts'
import './Options.css'

export const Models = graphql(`
  query Models {
    models {
      id
      resolutions
      ratios
      durations {
        min
        max
      }
      defaults {
        duration
        resolution
        ratio
      }
    }
  }
`)

interface Props {
  form: VideoFormState
  issues: Issue[]
}

/** Model, duration, resolution, ratio and sound. The chosen model decides what can be chosen. */
export function Options({ form, issues }: Props) {
  const { data } = useLiveQuery({ query: Models, variables: {} })
  const { values, change } = form
  const models = data?.models ?? []
  const model = models.find(({ id }) => id === values.model)
  const { min, max } = model?.durations ?? { min: 4, max: 15 }
  const seconds = Array.from({ length: max - min + 1 }, (_, index) => String(min + index))
  const defaults = model?.defaults
  const issueOf = (field: string) => issues.find(({ path }) => path[0] === field)?.message

  return (
    <div className="options">
      <Choice
        name="Model"
        value={values.model}
        choices={models.length > 0 ? models.map(({ id }) => id) : [values.model]}
        issue={issueOf('model')}
        onChange={(id) => change({ model: id, duration: null, resolution: null, ratio: null })}
      />
      <Choice
        name="Duration"
        unit=" s"
        value={String(values.duration ?? defaults?.duration ?? 5)}
        choices={seconds}
        issue={issueOf('duration')}
        onChange={(value) => change({ duration: Number(value) })}
      />
      <Choice
        name="Resolution"
        value={values.resolution ?? defaults?.resolution ?? '720p'}
        choices={model?.resolutions ?? ['720p']}
        issue={issueOf('resolution')}
        onChange={(resolution) => change({ resolution })}
      />
      <Choice
        name="Ratio"
        value={values.ratio ?? defaults?.ratio ?? 'adaptive'}
        choices={model?.ratios ?? ['adaptive']}
        issue={issueOf('ratio')}
        onChange={(ratio) => change({ ratio })}
      />
      <label className="sound">
        <input
          type="checkbox"
          checked={values.audio}
          onChange={(event) => change({ audio: event.target.checked })}
        />
        Sound
      </label>
    </div>
  )
}
