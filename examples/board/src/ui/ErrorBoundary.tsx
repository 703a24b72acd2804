import { Component, type ReactNode } from 'react'

/** Shows a message in place of the page when a component throws. React logs the error to the console. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false }

  static getDerivedStateFromError() {
    return { hasFailed: true }
  }

  override render() {
    if (!this.state.hasFailed) return this.props.children
    return (
      <main className="page-state">
        <div role="alert">
          <h1>The board cannot go on</h1>
          <p>An error in this page stopped it. Your videos and assets are not affected.</p>
        </div>
        <button type="button" className="button primary" onClick={() => location.reload()}>
          Reload
        </button>
      </main>
    )
  }
}
