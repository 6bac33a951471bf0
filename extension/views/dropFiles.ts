/** Files that are dropped onto a container's row are copied into it. */
import * as vscode from 'vscode'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import { commands } from '../contributions.ts'
import type { Context } from '../context.ts'

const uriList = 'text/uri-list'

export function dropFiles<T>(
  context: Context,
  containerOf: (node: T) => ContainerSummary | undefined,
): vscode.TreeDragAndDropController<T> {
  return {
    dropMimeTypes: [uriList],
    dragMimeTypes: [],
    async handleDrop(target, data) {
      const container = target === undefined ? undefined : containerOf(target)
      const text = await data.get(uriList)?.asString()
      if (container === undefined || text === undefined) return
      const files = text
        .split(/\r?\n/)
        .filter((line) => line !== '' && !line.startsWith('#'))
        .map((line) => vscode.Uri.parse(line))
      context.log.info(`${files.length} dropped onto ${container.name}`)
      await vscode.commands.executeCommand(commands.copyInto, container, files)
    },
  }
}
