/** The task type `bulkhead`: a build or a test in a container, from tasks.json, with problem matchers of any kind. */
import * as vscode from 'vscode'
import type { Params } from '../../helper/protocol/methods.ts'
import { parseVolume } from '../../helper/protocol/mountText.ts'
import { parsePublish } from '../../helper/protocol/portText.ts'
import type { Context } from '../context.ts'
import { ProcessTerminal, type TerminalProcess } from '../terminals/processTerminal.ts'

export const taskType = 'bulkhead'

/** As package.json describes it (`taskDefinitions`). */
interface Definition extends vscode.TaskDefinition {
  readonly action?: 'run' | 'exec'
  readonly image?: string
  readonly container?: string
  readonly command?: readonly string[]
  readonly workdir?: string
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly network?: string
  readonly ports?: readonly string[]
  readonly volumes?: readonly string[]
  readonly mountWorkspace?: boolean
}

function invalid(why: string): never {
  throw new Error(vscode.l10n.t('The task is not complete: {0}', why))
}

/** The folder is where it is on the host, so that a problem matcher's paths lead to its files.
 * @throws Error that says what the definition lacks */
export function runRequestOf(definition: Definition, folder: string | undefined): Params<'containers/run'> {
  const {
    image,
    command = [],
    workdir,
    env = {},
    user,
    network,
    ports = [],
    volumes = [],
    mountWorkspace = true,
  } = definition
  if (image === undefined) invalid(vscode.l10n.t('it needs an image'))
  const mount = folder !== undefined && mountWorkspace
  const mounts = volumes.map((text) => {
    const parsed = parseVolume(text, (path) => (path.startsWith('/') ? path : `${folder ?? ''}/${path}`))
    return typeof parsed === 'string' ? invalid(`${text} ${parsed}`) : parsed
  })
  return {
    image,
    command: [...command],
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    mounts: [...(mount ? [{ type: 'bind' as const, source: folder, target: folder }] : []), ...mounts],
    publish: ports.flatMap((text) => parsePublish(text) ?? invalid(vscode.l10n.t('{0} is no port', text))),
    ...((workdir ?? (mount ? folder : undefined)) !== undefined && { workingDirectory: workdir ?? folder! }),
    ...(user !== undefined && { user }),
    ...(network !== undefined && { network }),
  }
}

function processOf(definition: Definition, folder: string | undefined): TerminalProcess {
  const failure = vscode.l10n.t('The task cannot be started')
  if (definition.action === 'exec')
    return {
      failure,
      start: async (client, size) => {
        const { container, command = [], env = {}, user, workdir } = definition
        if (container === undefined || command.length === 0)
          invalid(vscode.l10n.t('it needs a container and a command'))
        const request = {
          ...{ container, command: [...command], tty: true, openStdin: true, ...size },
          env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
          ...(user !== undefined && { user }),
          ...(workdir !== undefined && { workingDirectory: workdir }),
        }
        return (await client.call('containers/exec', request)).id
      },
      resize: (client, id, size) => client.call('exec/resize', { id, ...size }),
      leave: (client, id) => client.call('exec/kill', { id, signal: 15 }),
    }
  return {
    failure,
    start: async (client, size) => {
      const request = {
        ...runRequestOf(definition, folder),
        tty: true,
        openStdin: true,
        attach: true,
        autoRemove: true,
      }
      return (await client.call('containers/run', { ...request, ...size })).id
    },
    resize: (client, id, size) => client.call('containers/resize', { container: id, ...size }),
    leave: (client, id) => client.call('containers/kill', { container: id }),
  }
}

function folderOf(scope: vscode.Task['scope']): string | undefined {
  if (typeof scope === 'object') return scope.uri.fsPath
  return vscode.workspace.workspaceFolders?.[0]?.uri.fsPath
}

export function taskProvider({ connection }: Context): vscode.Disposable {
  return vscode.tasks.registerTaskProvider(taskType, {
    provideTasks: () => [],
    resolveTask: (task) => {
      const definition = task.definition as Definition
      const scope = task.scope ?? vscode.TaskScope.Workspace
      const execution = new vscode.CustomExecution((resolved) =>
        Promise.resolve(new ProcessTerminal(connection, processOf(resolved as Definition, folderOf(scope)))),
      )
      return new vscode.Task(definition, scope, task.name, 'Bulkhead', execution, task.problemMatchers)
    },
  })
}
