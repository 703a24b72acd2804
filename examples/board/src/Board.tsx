import { useRef, useState } from 'react'
import { useVideoForm } from './form/useVideoForm.ts'
import { VideoForm } from './form/VideoForm.tsx'
import { Assets } from './library/Assets.tsx'
import { fileNameOf, fileTypeOf } from './library/file-type.ts'
import { Groups } from './library/Groups.tsx'
import { useDroppedUrls } from './library/useDroppedUrls.ts'
import { useLibrary } from './library/useLibrary.ts'
import { NoTask } from './task/NoTask.tsx'
import { type OpenedTask, TaskPanel } from './task/TaskPanel.tsx'
import { ConnectionBar } from './topbar/ConnectionBar.tsx'
import { TopBar } from './topbar/TopBar.tsx'
import { useShortcuts } from './ui/useShortcuts.ts'
import { NothingYet } from './videos/NothingYet.tsx'
import { Videos } from './videos/Videos.tsx'

/** The whole board: groups and assets, the form, the videos, and the open task. */
export function Board({ onChangeKey }: { onChangeKey(): void }) {
  const library = useLibrary()
  const form = useVideoForm()
  const [opened, setOpened] = useState<OpenedTask | null>(null)
  const prompt = useRef<HTMLTextAreaElement>(null)
  const search = useRef<HTMLInputElement>(null)

  function open(id: string, takesFocus: boolean) {
    setOpened({ id, takesFocus, opener: document.activeElement })
  }
  useShortcuts({
    n: () => prompt.current?.focus(),
    '/': () => search.current?.focus(),
    Escape: () => setOpened(null),
  })
  useDroppedUrls((urls) => {
    const files = urls.map((url) => ({ url, type: fileTypeOf(url), name: fileNameOf(url) }))
    void library.register(files)
  })

  // In the place of the first videos, so that its end moves nothing.
  const nothingYet = library.groups?.length === 0 && (
    <NothingYet library={library} onWrite={() => prompt.current?.focus()} />
  )

  return (
    <div className="board">
      <TopBar onChangeKey={onChangeKey} />
      <ConnectionBar />
      <div className="columns">
        <aside className="column column-library" aria-label="Groups and assets">
          <Groups library={library} />
          <Assets library={library} onUse={form.use} />
        </aside>
        <main className="column column-videos">
          <VideoForm
            form={form}
            groupId={library.target}
            promptRef={prompt}
            onMade={(id) => open(id, false)}
          />
          <Videos
            searchRef={search}
            openedId={opened?.id ?? null}
            onOpen={(id) => open(id, true)}
            nothingYet={nothingYet}
          />
        </main>
        <aside className="column column-task" aria-label="Open task">
          {opened ? <TaskPanel opened={opened} onClose={() => setOpened(null)} /> : <NoTask />}
        </aside>
      </div>
    </div>
  )
}
