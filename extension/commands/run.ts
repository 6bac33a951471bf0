/** Run Container…: an image or an archive, a command, limits. */
import * as vscode from 'vscode'
import { parse } from 'shell-quote'
import type { ImageSummary } from '../../helper/protocol/imageSchemas.ts'
import { commands, views } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { chooseArchive, importArchive } from './importArchive.ts'
import { parseLimits } from './limits.ts'
import { back, cancelled, inputStep, pickStep } from './multiStep.ts'
import { registerConnected } from './register.ts'
import { pull } from './transfers.ts'

/** What was answered last time, for next time. */
interface Remembered {
  readonly command: string
  readonly limits: string
}

const rememberedKey = 'bulkhead.lastRun'
const totalSteps = 3

/** `get`: where an image comes from that is not here yet. */
type ImageItem = vscode.QuickPickItem & {
  readonly image?: string
  readonly get?: (context: ConnectedContext) => Promise<string | undefined>
}

function imageItems(images: readonly ImageSummary[]): ImageItem[] {
  return [
    ...images.map(({ name, id }) => ({
      label: `$(layers) ${name ?? id.slice(7, 19)}`,
      description: name === 'host' ? vscode.l10n.t('this machine’s own root file system') : '',
      image: name ?? id,
    })),
    { label: '', kind: vscode.QuickPickItemKind.Separator },
    {
      label: `$(cloud-download) ${vscode.l10n.t('Pull Image…')}`,
      description: vscode.l10n.t('from a registry'),
      get: (context) => pull(context),
    },
    {
      label: `$(file-zip) ${vscode.l10n.t('Root File System Archive…')}`,
      description: 'tar, tar.gz, tar.zst',
      get: importChosen,
    },
  ]
}

/** The words of a command line. No shell runs: what only a shell can do is refused, and says how to have one. */
export function commandWords(text: string): string[] | string {
  const words = parse(text)
  if (words.every((word) => typeof word === 'string')) return words
  return vscode.l10n.t('Pipes, redirections and patterns need a shell: sh -c "…"')
}

async function askImage(context: ConnectedContext, title: string): Promise<string | undefined> {
  const items = imageItems(await context.client.call('images/list'))
  const placeholder = vscode.l10n.t('Image to run')
  const picked = await pickStep({ title, step: 1, totalSteps, items, placeholder })
  if (picked === back || picked === cancelled) return undefined
  return picked.image ?? (await picked.get?.(context))
}

async function run(context: ConnectedContext): Promise<void> {
  const title = vscode.l10n.t('Run Container')
  const { globalState } = context.extension
  const remembered = globalState.get<Remembered>(rememberedKey, { command: '', limits: '' })
  let { command, limits } = remembered
  let image = ''
  for (let step = 1; step <= totalSteps;) {
    const options = { title, step, totalSteps }
    if (step === 1) {
      const chosen = await askImage(context, title)
      if (chosen === undefined) return
      image = chosen
      step++
      continue
    }
    const answer =
      step === 2
        ? await inputStep({
            ...options,
            prompt: vscode.l10n.t('Command; empty for the image’s own'),
            placeholder: 'sleep 1000',
            value: command,
            validate: (value) => onlyProblem(commandWords(value)),
          })
        : await inputStep({
            ...options,
            prompt: vscode.l10n.t('Limits; empty for none'),
            placeholder: 'memory=512m cpus=1.5 pids=100',
            value: limits,
            validate: (value) => onlyProblem(parseLimits(value)),
          })
    if (answer === cancelled) return
    if (answer === back) {
      step--
      continue
    }
    if (step === 2) command = answer
    else limits = answer
    step++
  }
  await globalState.update(rememberedKey, { command, limits } satisfies Remembered)
  const words = commandWords(command)
  const resources = parseLimits(limits)
  if (typeof words === 'string' || typeof resources === 'string') return
  await vscode.window.withProgress({ location: { viewId: views.containers } }, async () => {
    await context.client.call('containers/run', { image, command: words, resources })
    await vscode.commands.executeCommand(`${views.containers}.focus`)
  })
}

function onlyProblem(parsed: unknown): string | undefined {
  return typeof parsed === 'string' ? parsed : undefined
}

async function importChosen(context: ConnectedContext): Promise<string | undefined> {
  const file = await chooseArchive()
  return file === undefined ? undefined : await importArchive(context, file)
}

export function runCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.run, run),
    registerConnected(context, commands.importArchive, importChosen),
  )
}
