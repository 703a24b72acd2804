import type { Library } from '../library/useLibrary.ts'
import { useSession } from '../session/session.ts'

/** What stands in place of the first assets and videos. */
export function NothingYet({ library, onWrite }: { library: Library; onWrite(): void }) {
  const { sandbox } = useSession().settings
  return (
    <div className="nothing-yet">
      <h3>Nothing made yet</h3>
      {sandbox ? (
        <>
          <p className="muted">Begin with pictures: the sandbox has some.</p>
          <button
            type="button"
            className="button primary"
            disabled={library.isBusy}
            onClick={() => void library.register(sandbox.samples.map(fileOf), 'Samples')}
          >
            {library.isBusy ? 'Registering…' : 'Register the samples'}
          </button>
        </>
      ) : (
        <>
          <p className="muted">Begin with the URL of a picture, or with a prompt alone.</p>
          <button type="button" className="button primary" onClick={onWrite}>
            Write a prompt
          </button>
        </>
      )}
    </div>
  )
}

function fileOf({
  name,
  url,
  type,
}: {
  name: string
  url: string
  type: 'IMAGE' | 'VIDEO' | 'AUDIO'
}) {
  return { name, url, type }
}
