/** Run Container…: an image or an archive, a command, ports, folders, options; and the same again. */
import { homedir } from 'node:os'
import { posix } from 'node:path'
import * as vscode from 'vscode'
import { parse } from 'shell-quote'
import type { ImageSummary } from '../../helper/protocol/imageSchemas.ts'
import type { Params } from '../../helper/protocol/methods.ts'
import { parseVolume } from '../../helper/protocol/mountText.ts'
import type { PublishRequest } from '../../helper/protocol/networkSchemas.ts'
import { parsePublish } from '../../helper/protocol/portText.ts'
import type { MountRequest } from '../../helper/protocol/volumeSchemas.ts'
import { commands, views } from '../contributions.ts'
import type { ConnectedContext, Context } from '../context.ts'
import { chooseArchive, importArchive } from './importArchive.ts'
import { parseOptions } from './limits.ts'
import { back, cancelled, inputStep, pickStep } from './multiStep.ts'
import { registerConnected } from './register.ts'
import { pull } from './transfers.ts'
import { problemIn } from './typed.ts'

/** What was answered last time, for next time. */
const questions = ['command', 'ports', 'folders', 'options'] as const
type Answers = Record<(typeof questions)[number], string>

const rememberedKey = 'bulkhead.lastRun'
const requestKey = 'bulkhead.lastRequest'
const totalSteps = questions.length + 1

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

export function parsePorts(text: string): PublishRequest[] | string {
  const ports: PublishRequest[] = []
  for (const word of text.split(/\s+/).filter(Boolean)) {
    const parsed = parsePublish(word)
    if (parsed === undefined)
      return vscode.l10n.t('{0} is no port: write 8080:80, 127.0.0.1:8080:80 or 53:53/udp.', word)
    ports.push(...parsed)
  }
  return ports
}

/** A path as people write one: from the folder that is open, or from home. */
function absolute(path: string): string {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? homedir()
  return posix.resolve(folder, path.replace(/^~(?=\/|$)/, homedir()))
}

export function parseFolders(text: string): MountRequest[] | string {
  const words = commandWords(text)
  if (typeof words === 'string') return words
  const mounts: MountRequest[] = []
  for (const word of words) {
    const parsed = parseVolume(word, absolute)
    if (typeof parsed === 'string' || !parsed.target.startsWith('/'))
      return vscode.l10n.t('{0} is neither a folder nor a volume: write .:/work, data:/var/lib/data or /cache.', word)
    mounts.push(parsed)
  }
  return mounts
}

interface Question {
  readonly prompt: string
  readonly placeholder: string
  readonly parse: (text: string) => unknown
}

function questionOf(name: keyof Answers): Question {
  switch (name) {
    case 'command':
      return {
        prompt: vscode.l10n.t('Command; empty for the image’s own'),
        placeholder: 'sleep 1000',
        parse: commandWords,
      }
    case 'ports':
      return {
        prompt: vscode.l10n.t('Ports to publish; empty for none'),
        placeholder: '8080:80 127.0.0.1:5432:5432',
        parse: parsePorts,
      }
    case 'folders':
      return {
        prompt: vscode.l10n.t('Folders and volumes; empty for none'),
        placeholder: '.:/work data:/var/lib/data',
        parse: parseFolders,
      }
    case 'options':
      return {
        prompt: vscode.l10n.t('Limits, name, network and more; empty for none'),
        placeholder: 'memory=512m cpus=1.5 name=web network=none env=A=b restart=on-failure:3',
        parse: parseOptions,
      }
  }
}

async function askImage(context: ConnectedContext, title: string): Promise<string | undefined> {
  const items = imageItems(await context.client.call('images/list'))
  const placeholder = vscode.l10n.t('Image to run')
  const picked = await pickStep({ title, step: 1, totalSteps, items, placeholder })
  if (picked === back || picked === cancelled) return undefined
  return picked.image ?? (await picked.get?.(context))
}

/** The image and the answers; undefined when the user gave up. */
async function askAll(
  context: ConnectedContext,
  before: Answers,
): Promise<{ image: string; answers: Answers } | undefined> {
  const title = vscode.l10n.t('Run Container')
  const answers = { ...before }
  let image = ''
  for (let step = 1; step <= totalSteps;) {
    if (step === 1) {
      const chosen = await askImage(context, title)
      if (chosen === undefined) return undefined
      image = chosen
      step++
      continue
    }
    const name = questions[step - 2]!
    const { prompt, placeholder, parse: read } = questionOf(name)
    const answer = await inputStep({
      ...{ title, step, totalSteps, prompt, placeholder, value: answers[name] },
      validate: (value) => problemIn(read(value)),
    })
    if (answer === cancelled) return undefined
    if (answer !== back) answers[name] = answer
    step += answer === back ? -1 : 1
  }
  return { image, answers }
}

async function start(context: ConnectedContext, request: Params<'containers/run'>): Promise<void> {
  await vscode.window.withProgress({ location: { viewId: views.containers } }, async () => {
    await context.client.call('containers/run', request)
    await vscode.commands.executeCommand(`${views.containers}.focus`)
  })
}

async function run(context: ConnectedContext): Promise<void> {
  const { globalState, workspaceState } = context.extension
  const empty: Answers = { command: '', ports: '', folders: '', options: '' }
  const asked = await askAll(context, { ...empty, ...globalState.get<Partial<Answers>>(rememberedKey) })
  if (asked === undefined) return
  const { image, answers } = asked
  await globalState.update(rememberedKey, answers)
  const [command, publish, mounts, options] = [
    commandWords(answers.command),
    parsePorts(answers.ports),
    parseFolders(answers.folders),
    parseOptions(answers.options),
  ]
  if (
    typeof command === 'string' ||
    typeof publish === 'string' ||
    typeof mounts === 'string' ||
    typeof options === 'string'
  )
    return
  const request: Params<'containers/run'> = { image, command, publish, mounts, ...options }
  await workspaceState.update(requestKey, request)
  await start(context, request)
}

/** The last one of this folder; with a name of its own, since its name is taken. */
async function runAgain(context: ConnectedContext): Promise<void> {
  const request = context.extension.workspaceState.get<Params<'containers/run'>>(requestKey)
  if (request === undefined) return await run(context)
  const { name, ...rest } = request
  const isTaken = context.containers.all().some((container) => container.name === name)
  await start(context, isTaken || name === undefined ? rest : request)
}

async function importChosen(context: ConnectedContext): Promise<string | undefined> {
  const file = await chooseArchive()
  return file === undefined ? undefined : await importArchive(context, file)
}

export function runCommands(context: Context): vscode.Disposable {
  return vscode.Disposable.from(
    registerConnected(context, commands.run, run),
    registerConnected(context, commands.runAgain, runAgain),
    registerConnected(context, commands.importArchive, importChosen),
  )
}
