/** The container whose use is shown at the window's foot; remembered for the folder. */
import * as vscode from 'vscode'

const key = 'bulkhead.pinned'

export class Pinned implements vscode.Disposable {
  readonly #memory: vscode.Memento
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event

  constructor(memory: vscode.Memento) {
    this.#memory = memory
  }

  get id(): string | undefined {
    return this.#memory.get(key)
  }

  set(id: string | undefined): void {
    void this.#memory.update(key, id)
    this.#onDidChange.fire()
  }

  dispose(): void {
    this.#onDidChange.dispose()
  }
}
