/** What the Containers view is filtered by; remembered for the folder. */
import * as vscode from 'vscode'

const key = 'bulkhead.filter'

export class Filter implements vscode.Disposable {
  readonly #memory: vscode.Memento
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event

  constructor(memory: vscode.Memento) {
    this.#memory = memory
  }

  get text(): string {
    return this.#memory.get(key, '')
  }
  set text(text: string) {
    void this.#memory.update(key, text)
    this.#onDidChange.fire()
  }

  dispose(): void {
    this.#onDidChange.dispose()
  }
}
