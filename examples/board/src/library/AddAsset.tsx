import { type FormEvent, useState } from 'react'
import type { AssetType } from '../gql/graphql.ts'
import { GraphQLLink } from '../ui/GraphQLLink.tsx'
import { fileNameOf, fileTypeOf } from './file-type.ts'
import { inputOf, type Library, RegisterAssets } from './useLibrary.ts'

/** The form that registers the file of a URL. */
export function AddAsset({ library, onDone }: { library: Library; onDone(): void }) {
  const [url, setUrl] = useState('')
  const [chosenType, setChosenType] = useState<AssetType | null>(null)
  const issue = library.problem?.issues.find(({ path }) => path.at(-1) === 'url')

  const type = chosenType ?? fileTypeOf(url)
  const file = { url: url.trim(), type, name: fileNameOf(url) }

  async function submit(event: FormEvent) {
    event.preventDefault()
    if (file.url !== '' && (await library.register([file]))) onDone()
  }

  return (
    <form className="add-asset" onSubmit={submit} noValidate>
      <input
        className="input"
        type="url"
        aria-label="URL of a file"
        aria-invalid={issue !== undefined}
        placeholder="https://…"
        // biome-ignore lint/a11y/noAutofocus: the button that opens this form asks for the URL
        autoFocus
        value={url}
        onChange={(event) => setUrl(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return
          event.stopPropagation()
          onDone()
        }}
      />
      <select
        className="select"
        aria-label="Type of the file"
        value={type}
        onChange={(event) => setChosenType(event.target.value as AssetType)}
      >
        <option value="IMAGE">Image</option>
        <option value="VIDEO">Video</option>
        <option value="AUDIO">Sound</option>
      </select>
      <button className="button" type="submit" disabled={library.isBusy || url.trim() === ''}>
        {library.isBusy ? 'Registering…' : 'Register'}
      </button>
      <GraphQLLink
        of="registering"
        document={RegisterAssets}
        variables={{ inputs: [inputOf(library.target ?? 'AssetGroup:JIMENG:group-…', file)] }}
      />
    </form>
  )
}
