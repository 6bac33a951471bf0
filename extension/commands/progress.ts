/** Long work with its progress, and a way to stop it: on a connection of its own, which is closed to cancel it. */
import * as vscode from 'vscode'
import type { Progress } from '../../helper/protocol/imageSchemas.ts'
import type { Client } from '../../helper/client/client.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import type { Context } from '../context.ts'

const words: Readonly<Record<Progress['status'], () => string>> = {
  waiting: () => vscode.l10n.t('waiting'),
  exists: () => vscode.l10n.t('there already'),
  downloading: () => vscode.l10n.t('downloading'),
  unpacking: () => vscode.l10n.t('unpacking'),
  retrying: () => vscode.l10n.t('trying again'),
  uploading: () => vscode.l10n.t('sending'),
  mounted: () => vscode.l10n.t('mounted from another repository'),
  done: () => vscode.l10n.t('done'),
  working: () => vscode.l10n.t('reading'),
}

/** One line for all items, and how much of the whole is done. */
function summary(items: ReadonlyMap<string, Progress>): { message: string; percent: number } {
  const all = [...items.values()]
  const total = all.reduce((sum, item) => sum + item.total, 0)
  const current = all.reduce((sum, item) => sum + Math.min(item.current, item.total), 0)
  const active = all.filter(
    ({ status }) => status === 'downloading' || status === 'uploading' || status === 'unpacking',
  )
  const retry = all.find(({ status }) => status === 'retrying')
  const [first] = retry === undefined ? active : [retry]
  const what =
    first === undefined
      ? ''
      : ` · ${first.item} ${words[first.status]()}${first.message === undefined ? '' : `: ${first.message}`}`
  return {
    message: `${sizeText(current)} / ${sizeText(total)}${what}`,
    percent: total === 0 ? 0 : (current / total) * 100,
  }
}

/** Answers undefined when it was cancelled. `open`: another connection, with the same progress and the same end. */
export async function withTransfer<T>(
  context: Context,
  title: string,
  work: (client: Client, open: () => Promise<Client>) => Promise<T>,
): Promise<T | undefined> {
  return await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title, cancellable: true },
    async (progress, token) => {
      const items = new Map<string, Progress>()
      const clients: Client[] = []
      let before = 0
      const open = async (): Promise<Client> => {
        const client = await context.connection.openStream()
        clients.push(client)
        client.onProgress((item) => {
          items.set(item.item, item)
          const { message, percent } = summary(items)
          progress.report({ message, increment: Math.max(0, percent - before) })
          before = Math.max(before, percent)
        })
        return client
      }
      const close = (): void => clients.splice(0).forEach((client) => client.close())
      token.onCancellationRequested(close)
      try {
        return await work(await open(), open)
      } catch (error) {
        if (token.isCancellationRequested) return undefined
        throw error
      } finally {
        close()
      }
    },
  )
}
