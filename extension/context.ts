/** What the extension's parts are handed, and what a command gets that needs the helper. */
import type * as vscode from 'vscode'
import type { Client } from '../helper/client/client.ts'
import type { Connection } from './connection/connection.ts'
import type { ContainerModel } from './connection/containerModel.ts'
import type { ImageModel } from './connection/imageModel.ts'
import type { Remembered } from './connection/remembered.ts'
import type { SharedModel } from './connection/sharedModel.ts'
import type { UsageModel } from './connection/usageModel.ts'

export interface Context {
  readonly extension: vscode.ExtensionContext
  readonly log: vscode.LogOutputChannel
  readonly connection: Connection
  readonly containers: ContainerModel
  readonly images: ImageModel
  readonly shared: SharedModel
  /** What the Containers view is filtered by. */
  readonly filter: Remembered<string>
  readonly usage: UsageModel
  /** Id of the container whose use is shown at the window's foot; empty for none. */
  readonly pinned: Remembered<string>
  /** Brings a container into view. */
  readonly revealContainer: (id: string) => void
  readonly onRevealContainer: vscode.Event<string>
  /** Brings a cgroup into view; false where there is none. */
  readonly revealCgroup: (path: string) => Promise<boolean>
  /** A row of the Containers view shows more, or less, than before. */
  readonly reveal: (node: vscode.TreeItem) => void
  readonly onRevealed: vscode.Event<vscode.TreeItem>
}

/** Connected is a type: who has one of these has a helper to ask. */
export interface ConnectedContext extends Context {
  readonly client: Client
}
