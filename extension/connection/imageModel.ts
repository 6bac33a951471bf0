/** All images as this window knows them: read when somebody looks, and again when the helper says that they changed. */
import * as vscode from 'vscode'
import type { ImageSummary } from '../../helper/protocol/imageSchemas.ts'
import type { Connection } from './connection.ts'

export class ImageModel implements vscode.Disposable {
  readonly #connection: Connection
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event
  readonly #subscription: vscode.Disposable
  #images: Promise<readonly ImageSummary[]> | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    this.#subscription = connection.onDidChange((state) => {
      if (state === 'connected')
        connection.client!.onEvent(({ type }) => {
          if (type === 'image') this.#forget()
        })
      this.#forget()
    })
  }

  /** By name; those without one last. */
  all(): Promise<readonly ImageSummary[]> {
    const { client } = this.#connection
    if (client === undefined) return Promise.resolve([])
    this.#images ??= client
      .call('images/list')
      .then((images) => images.toSorted((a, b) => rank(a) - rank(b) || (a.name ?? '').localeCompare(b.name ?? '')))
    return this.#images
  }

  dispose(): void {
    this.#subscription.dispose()
    this.#onDidChange.dispose()
  }

  #forget(): void {
    this.#images = undefined
    this.#onDidChange.fire()
  }
}

function rank({ name }: ImageSummary): number {
  return name === null ? 2 : name === 'host' ? 1 : 0
}

export function imageLabel({ name, id }: ImageSummary): string {
  return name ?? id.slice(7, 19)
}
