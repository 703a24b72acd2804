const KEYS = [
  ['n', 'new video'],
  ['/', 'search'],
  ['Arrows', 'move between videos'],
  ['Enter', 'open'],
  ['Esc', 'close'],
]

/** What stands in the place of the task panel while no task is open. */
export function NoTask() {
  return (
    <div className="no-task muted">
      <p>Open a video to see how it was made.</p>
      <dl className="keys">
        {KEYS.map(([key, meaning]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </div>
  )
}
