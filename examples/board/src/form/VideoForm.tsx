import { type FormEvent, type Ref, useEffect, useEffectEvent, useState } from 'react'
import { AssetPicker } from './AssetPicker.tsx'
import { MakeBar } from './MakeBar.tsx'
import { Options } from './Options.tsx'
import { type Picking, Slots } from './Slots.tsx'
import { useMakeVideo } from './useMakeVideo.ts'
import { usePreview } from './usePreview.ts'
import type { VideoFormState } from './useVideoForm.ts'
import './VideoForm.css'

interface Props {
  form: VideoFormState
  /** The group for files that are given by URL. */
  groupId: string | null
  promptRef: Ref<HTMLTextAreaElement>
  onMade(taskId: string): void
}

/** The form of a new video. It is checked while the user types. */
export function VideoForm({ form, groupId, promptRef, onMade }: Props) {
  const { values, change } = form
  const [picking, setPicking] = useState<Picking | null>(null)
  const check = usePreview(values)
  const sending = useMakeVideo(form, groupId)
  const { state } = sending
  const madeTask = state.status === 'accepted' ? state.taskId : null
  const announce = useEffectEvent(onMade)

  useEffect(() => {
    if (madeTask) announce(madeTask)
  }, [madeTask])

  const issues = [
    ...(check.preview?.issues ?? []),
    ...(state.status === 'refused' ? state.problem.issues : []),
  ]
  const promptIssue = issues.find(({ path }) => path[0] === 'prompt')

  function submit(event: FormEvent) {
    event.preventDefault()
    if (state.status !== 'sending' && values.prompt.trim() !== '') void sending.make()
  }

  return (
    <section className="panel video-form" aria-labelledby="form-title">
      <h2 id="form-title">New video</h2>
      <form onSubmit={submit}>
        <textarea
          ref={promptRef}
          className="input"
          aria-label="Prompt"
          dir="auto"
          aria-describedby="prompt-note"
          aria-invalid={promptIssue !== undefined}
          placeholder="What does the video show? For example: she turns to the camera and smiles."
          rows={3}
          value={values.prompt}
          onChange={(event) => change({ prompt: event.target.value })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) submit(event)
          }}
        />
        <p id="prompt-note" className="note fail">
          {promptIssue?.message}
        </p>
        <Slots form={form} issues={issues} onPick={setPicking} />
        <Options form={form} issues={issues} />
        <MakeBar form={form} check={check} sending={sending} issues={issues} />
      </form>
      {/* Has a form of its own, so it cannot be inside the other one. */}
      {picking && (
        <AssetPicker
          title={picking.name}
          isImageOnly={picking.role !== 'REFERENCE'}
          onPick={(source) => {
            form.use(picking.role, source)
            setPicking(null)
          }}
          onClose={() => setPicking(null)}
        />
      )}
    </section>
  )
}
