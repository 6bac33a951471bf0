/** What the extension's parts are handed, and what a command gets that needs the helper. */
import type * as vscode from 'vscode'
import type { Client } from '../helper/client/client.ts'
import type { Connection } from './connection/connection.ts'
import type { ContainerModel } from './connection/containerModel.ts'
import type { ImageModel } from './connection/imageModel.ts'

export interface Context {
  readonly extension: vscode.ExtensionContext
  readonly log: vscode.LogOutputChannel
  readonly connection: Connection
  readonly containers: ContainerModel
  readonly images: ImageModel
}

/** Connected is a type: who has one of these has a helper to ask. */
export interface ConnectedContext extends Context {
  readonly client: Client
}
