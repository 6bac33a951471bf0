/** The extension: puts its parts together. It wakes when its view or one of its commands is used. */
import { loadedAt } from './clock.ts'
import * as vscode from 'vscode'
import { changeCommands } from './commands/change.ts'
import { cgroupCommands } from './commands/cgroups.ts'
import { fileCommands } from './commands/files.ts'
import { helperCommands } from './commands/helper.ts'
import { imageCommands } from './commands/images.ts'
import { inspectCommands } from './commands/inspect.ts'
import { lifecycleCommands } from './commands/lifecycle.ts'
import { lookCommands } from './commands/look.ts'
import { minimizeCommands } from './commands/minimize.ts'
import { namespaceCommands } from './commands/namespaces.ts'
import { runCommands } from './commands/run.ts'
import { sharedCommands } from './commands/shared.ts'
import { transferCommands } from './commands/transfers.ts'
import { usageCommands } from './commands/usage.ts'
import { Connection, type ConnectionState } from './connection/connection.ts'
import { ContainerModel } from './connection/containerModel.ts'
import { ImageModel } from './connection/imageModel.ts'
import { Remembered } from './connection/remembered.ts'
import { SharedModel } from './connection/sharedModel.ts'
import { UsageModel } from './connection/usageModel.ts'
import type { Context } from './context.ts'
import { fileSystem } from './files/fileSystem.ts'
import { notifications } from './notifications.ts'
import { taskProvider } from './tasks/tasks.ts'
import { throwAwayShell } from './terminals/throwAway.ts'
import { cgroupsView } from './views/cgroupsView.ts'
import { containersView } from './views/containersView.ts'
import { layersView } from './views/layersView.ts'
import { namespacesView } from './views/namespacesView.ts'
import { pinnedItem } from './views/pinnedItem.ts'
import { statusBar } from './views/statusBar.ts'
import type { ContainerSummary } from '../helper/protocol/schemas.ts'

/** What other extensions, and the tests, may ask. */
export interface BulkheadApi {
  readonly state: ConnectionState
  readonly containers: readonly ContainerSummary[]
  readonly onDidChangeContainers: vscode.Event<void>
  /** Milliseconds from the first line of the extension to the end of its activation. */
  readonly activationTime: number
}

export function activate(extension: vscode.ExtensionContext): BulkheadApi {
  const log = vscode.window.createOutputChannel('Bulkhead', { log: true })
  const connection = new Connection(log)
  const containers = new ContainerModel(connection, log)
  const images = new ImageModel(connection)
  const shared = new SharedModel(connection, containers)
  const filter = new Remembered(extension.workspaceState, 'bulkhead.filter', '')
  const usage = new UsageModel(connection, log)
  const pinned = new Remembered(extension.workspaceState, 'bulkhead.pinned', '')
  const revealed = new vscode.EventEmitter<vscode.TreeItem>()
  const revealedContainer = new vscode.EventEmitter<string>()
  const context: Context = {
    ...{ extension, log, connection, containers, images, shared, filter, usage, pinned },
    reveal: (node) => revealed.fire(node),
    onRevealed: revealed.event,
    revealContainer: (id) => revealedContainer.fire(id),
    onRevealContainer: revealedContainer.event,
    revealCgroup: (path) => cgroups.reveal(path),
  }
  const cgroups = cgroupsView(context)
  extension.subscriptions.push(
    log,
    connection,
    containers,
    images,
    shared,
    filter,
    usage,
    pinned,
    revealed,
    revealedContainer,
    containersView(context),
    layersView(context),
    namespacesView(context),
    cgroups,
    fileSystem(context),
    statusBar(context),
    pinnedItem(context),
    runCommands(context),
    lifecycleCommands(context),
    changeCommands(context),
    lookCommands(context),
    inspectCommands(context),
    sharedCommands(context),
    imageCommands(context),
    transferCommands(context),
    fileCommands(context),
    minimizeCommands(context),
    cgroupCommands(context, cgroups),
    namespaceCommands(context),
    usageCommands(context),
    notifications(context),
    taskProvider(context),
    throwAwayShell(context),
    helperCommands(context),
  )
  // Afterwards: waking must not take as long as a helper that does not answer.
  setImmediate(() => void connection.open())
  const activationTime = performance.now() - loadedAt
  log.info(`awake after ${activationTime.toFixed(1)} ms`)
  return {
    get state() {
      return connection.state
    },
    get containers() {
      return containers.all()
    },
    onDidChangeContainers: containers.onDidChange,
    activationTime,
  }
}

export function deactivate(): void {
  // What was made is disposed of by the editor.
}
