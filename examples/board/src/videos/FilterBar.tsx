import type { Ref } from 'react'
import { FILTERS } from './filters.ts'
import './FilterBar.css'

interface Props {
  searchRef: Ref<HTMLInputElement>
  filter: string
  onFilter(filter: string): void
  search: string
  onSearch(search: string): void
}

/** Chooses which videos are shown. */
export function FilterBar({ searchRef, filter, onFilter, search, onSearch }: Props) {
  return (
    <search className="filter-bar">
      <fieldset className="filters">
        <legend className="visually-hidden">Status of the videos</legend>
        {Object.keys(FILTERS).map((name) => (
          <button
            key={name}
            type="button"
            className="plain filter"
            aria-pressed={name === filter}
            onClick={() => onFilter(name)}
          >
            {name}
          </button>
        ))}
      </fieldset>
      <input
        ref={searchRef}
        className="input"
        type="search"
        aria-label="Search videos"
        placeholder="Search prompts"
        maxLength={200}
        value={search}
        onChange={(event) => onSearch(event.target.value)}
      />
    </search>
  )
}
