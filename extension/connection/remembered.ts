/** Something that the user chose, remembered for the folder: a filter, a pinned container. */
import * as vscode from 'vscode'

export class Remembered<T> implements vscode.Disposable {
  readonly #memory: vscode.Memento
  readonly #key: string
  readonly #otherwise: T
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event

  /** `otherwise`: what it is while nobody has chosen. */
  constructor(memory: vscode.Memento, key: string, otherwise: T) {
    this.#memory = memory
    this.#key = key
    this.#otherwise = otherwise
  }

  get value(): T {
    return this.#memory.get(this.#key, this.#otherwise)
  }
  set value(value: T) {
    void this.#memory.update(this.#key, value)
    this.#onDidChange.fire()
  }

  dispose(): void {
    this.#onDidChange.dispose()
  }
}
