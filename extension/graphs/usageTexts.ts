/** The words of the usage panel's page, in the user's language. */
import * as vscode from 'vscode'
import type { Texts } from '../webview/messages.ts'

export function pageTexts(): Texts {
  return {
    resume: vscode.l10n.t('Resume'),
    pause: vscode.l10n.t('Pause'),
    tenMinutes: vscode.l10n.t('10 minutes'),
    day: vscode.l10n.t('24 hours'),
    range: vscode.l10n.t('Time that is shown'),
    resetZoom: vscode.l10n.t('Reset Zoom'),
    exportAs: vscode.l10n.t('Export as'),
    notCounted: vscode.l10n.t('The kernel does not count this here.'),
    waiting: vscode.l10n.t('Waiting for the first samples…'),
    table: vscode.l10n.t('As a table'),
    min: vscode.l10n.t('Min'),
    avg: vscode.l10n.t('Avg'),
    max: vscode.l10n.t('Max'),
    now: vscode.l10n.t('Now'),
    limit: vscode.l10n.t('limit'),
    events: vscode.l10n.t('Events'),
    noEvents: vscode.l10n.t('Nothing happened in this time.'),
    disks: vscode.l10n.t('Disks'),
    device: vscode.l10n.t('Device'),
    read: vscode.l10n.t('Read'),
    written: vscode.l10n.t('Written'),
    keys: vscode.l10n.t(
      'Space pauses, + and − zoom, Escape resets the zoom, arrows move along the curve; drag to zoom.',
    ),
    charts: {
      cpu: vscode.l10n.t('CPU'),
      memory: vscode.l10n.t('Memory'),
      io: vscode.l10n.t('Disk'),
      network: vscode.l10n.t('Network'),
      pids: vscode.l10n.t('Processes'),
      pressure: vscode.l10n.t('Pressure'),
    },
    columns: {
      cpu: vscode.l10n.t('used'),
      cpuSystem: vscode.l10n.t('in the kernel'),
      throttled: vscode.l10n.t('throttled'),
      memory: vscode.l10n.t('used'),
      anonymous: vscode.l10n.t('anonymous'),
      file: vscode.l10n.t('files'),
      kernel: vscode.l10n.t('kernel'),
      swap: vscode.l10n.t('swap'),
      read: vscode.l10n.t('read'),
      written: vscode.l10n.t('written'),
      received: vscode.l10n.t('received'),
      sent: vscode.l10n.t('sent'),
      pids: vscode.l10n.t('processes'),
      cpuPressure: vscode.l10n.t('CPU'),
      memoryPressure: vscode.l10n.t('memory'),
      ioPressure: vscode.l10n.t('disk'),
    },
    marks: {
      start: vscode.l10n.t('started'),
      oom: vscode.l10n.t('the kernel killed a process for want of memory'),
      throttled: vscode.l10n.t('throttled: its processor time was used up'),
      limit: vscode.l10n.t('a limit was changed'),
    },
  }
}
