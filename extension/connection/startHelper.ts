/** Starts the helper for people: at once where the window is root's, with sudo in a terminal otherwise. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import * as vscode from 'vscode'
import { defaultSocket } from '../../helper/protocol/address.ts'
import { settings } from '../contributions.ts'
import { configuredSocket } from './connection.ts'

interface Invocation {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

function invocation(extension: vscode.ExtensionContext): Invocation {
  const configuration = vscode.workspace.getConfiguration()
  const path = configuration.get<string>(settings.helperPath, '')
  const extra = configuration.get<readonly string[]>(settings.helperArguments, [])
  const socket = configuredSocket()
  const args = ['helper', ...(socket === defaultSocket ? [] : ['--run', dirname(socket)]), ...extra]
  if (path !== '') return { command: path, args, env: {} }
  // The editor's own Node runs the bundle; Electron needs to be told to be one.
  return {
    command: process.execPath,
    args: [join(extension.extensionPath, 'dist/bulkhead.cjs'), ...args],
    env: { ELECTRON_RUN_AS_NODE: '1' },
  }
}

export function startHelper(extension: vscode.ExtensionContext, log: vscode.LogOutputChannel): void {
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showWarningMessage(
      vscode.l10n.t('Bulkhead starts nothing as root from a folder that is not trusted.'),
    )
    return
  }
  const { command, args, env } = invocation(extension)
  log.info(`starting the helper: ${[command, ...args].join(' ')}`)
  if (process.getuid?.() === 0) {
    const child = spawn(command, args, { detached: true, stdio: 'ignore', env: { ...process.env, ...env } })
    child.on(
      'error',
      (error) => void vscode.window.showErrorMessage(vscode.l10n.t('The helper cannot be started: {0}', error.message)),
    )
    child.unref()
    return
  }
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const terminal = vscode.window.createTerminal({
    name: vscode.l10n.t('Bulkhead Helper'),
    shellPath: '/usr/bin/sudo',
    shellArgs: ['env', ...settings, command, ...args],
    isTransient: true,
  })
  terminal.show()
}

/** A terminal with the command written, not yet run: it is the user's to decide. */
export function joinGroup(): void {
  const terminal = vscode.window.createTerminal({ name: vscode.l10n.t('Join Group bulkhead') })
  terminal.show()
  terminal.sendText(
    'sudo groupadd --force --system bulkhead && sudo usermod --append --groups bulkhead "$USER" # then log out and in',
    false,
  )
}
