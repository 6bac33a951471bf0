/** Rows inside a container: processes, mounts, networks and ports, environment, health. */
import * as vscode from 'vscode'
import { cpuPercent } from '../../helper/protocol/statsText.ts'
import type { ContainerProcess, Health } from '../../helper/protocol/lifecycleSchemas.ts'
import type { Endpoint, PublishedPort } from '../../helper/protocol/networkSchemas.ts'
import type { ContainerSummary } from '../../helper/protocol/schemas.ts'
import type { MountPoint } from '../../helper/protocol/volumeSchemas.ts'
import { sizeText } from '../../helper/protocol/text.ts'
import { portText } from './containerNode.ts'
import { programOf } from './program.ts'
import { tableTooltip } from './tooltip.ts'

const { None, Collapsed } = vscode.TreeItemCollapsibleState

export type PartKind = 'processes' | 'mounts' | 'network' | 'environment' | 'health'

const titles: Readonly<Record<PartKind, () => string>> = {
  processes: () => vscode.l10n.t('Processes'),
  mounts: () => vscode.l10n.t('Mounts'),
  network: () => vscode.l10n.t('Networks and ports'),
  environment: () => vscode.l10n.t('Environment'),
  health: () => vscode.l10n.t('Health'),
}

const icons: Readonly<Record<PartKind, string>> = {
  processes: 'server-process',
  mounts: 'folder-library',
  network: 'type-hierarchy',
  environment: 'symbol-variable',
  health: 'pulse',
}

export class PartNode extends vscode.TreeItem {
  readonly kind: PartKind
  readonly container: ContainerSummary

  constructor(kind: PartKind, container: ContainerSummary, description = '') {
    super(titles[kind](), Collapsed)
    this.kind = kind
    this.container = container
    this.id = `${container.id}/${kind}`
    this.description = description
    this.iconPath = new vscode.ThemeIcon(icons[kind])
    this.contextValue = `part.${kind}`
    this.accessibilityInformation = {
      label: vscode.l10n.t('{0} of container {1}', titles[kind](), container.name),
    }
  }
}

/** What a running container has to show. */
export function partsOf(container: ContainerSummary): PartNode[] {
  const { mounts, ports, endpoints, network, health } = container
  const networks = endpoints.length === 0 ? network : endpoints.map(({ networkName }) => networkName).join(', ')
  return [
    new PartNode('processes', container),
    ...(mounts.length === 0 ? [] : [new PartNode('mounts', container, String(mounts.length))]),
    new PartNode('network', container, [networks, ...ports.map(portText)].join(' · ')),
    new PartNode('environment', container),
    ...(health === null ? [] : [new PartNode('health', container, health)]),
  ]
}

export class ProcessNode extends vscode.TreeItem {
  readonly process: ContainerProcess

  /** `percent`: of one processor since the last look; undefined at the first. */
  constructor(container: ContainerSummary, process: ContainerProcess, percent: number | undefined) {
    super(programOf(process.command), None)
    this.process = process
    this.id = `${container.id}/process/${process.pid}`
    const load = percent === undefined ? [] : [`${percent.toFixed(1)} %`]
    this.description = [String(process.containerPid), ...load, sizeText(process.memory)].join(' · ')
    this.iconPath = new vscode.ThemeIcon(process.containerPid === 1 ? 'circle-filled' : 'circle-small-filled')
    this.contextValue = 'process'
    this.tooltip = tableTooltip(process.command, [
      [vscode.l10n.t('Inside'), String(process.containerPid)],
      [vscode.l10n.t('On the host'), String(process.pid)],
      [vscode.l10n.t('User'), String(process.uid)],
      [vscode.l10n.t('Started'), new Date(process.startedAt).toLocaleString()],
    ])
    this.accessibilityInformation = {
      label: vscode.l10n.t(
        'process {0}, {1}, {2} of memory',
        process.containerPid,
        process.command,
        sizeText(process.memory),
      ),
    }
  }
}

/** Percent of one processor between two looks, `elapsed` milliseconds apart. */
export function processLoad(
  before: ContainerProcess | undefined,
  now: ContainerProcess,
  elapsed: number,
): number | undefined {
  if (before === undefined || elapsed <= 0) return undefined
  return cpuPercent({ time: 0, cpu: before.cpu * 1e6 }, { time: elapsed, cpu: now.cpu * 1e6 })
}

export class MountNode extends vscode.TreeItem {
  readonly mount: MountPoint

  constructor(container: ContainerSummary, mount: MountPoint) {
    super(mount.target, None)
    this.mount = mount
    this.id = `${container.id}/mount/${mount.target}`
    const source = mount.type === 'tmpfs' ? vscode.l10n.t('in memory') : (mount.name ?? mount.source)
    this.description = mount.readOnly ? `${source} · ${vscode.l10n.t('read-only')}` : source
    this.iconPath = new vscode.ThemeIcon({ volume: 'database', bind: 'folder', tmpfs: 'zap' }[mount.type])
    this.contextValue = `mount.${mount.type}`
    this.accessibilityInformation = { label: vscode.l10n.t('mount {0}, from {1}', mount.target, source) }
  }
}

export class EndpointNode extends vscode.TreeItem {
  readonly container: ContainerSummary
  readonly endpoint: Endpoint

  constructor(container: ContainerSummary, endpoint: Endpoint) {
    super(endpoint.networkName, None)
    this.container = container
    this.endpoint = endpoint
    this.id = `${container.id}/network/${endpoint.network}`
    this.description = [endpoint.address, endpoint.address6].filter(Boolean).join(' · ')
    this.iconPath = new vscode.ThemeIcon('type-hierarchy')
    this.contextValue = 'endpoint'
    this.tooltip = tableTooltip(endpoint.networkName, [
      [vscode.l10n.t('Link inside'), endpoint.name],
      [vscode.l10n.t('Link on the host'), endpoint.link],
      ['MAC', endpoint.mac],
      [vscode.l10n.t('Names'), [container.name, ...endpoint.aliases].join(', ')],
    ])
    this.accessibilityInformation = {
      label: vscode.l10n.t('network {0}, address {1}', endpoint.networkName, endpoint.address),
    }
  }
}

export class PortNode extends vscode.TreeItem {
  readonly port: PublishedPort

  constructor(container: ContainerSummary, port: PublishedPort) {
    super(portText(port), None)
    this.port = port
    const { hostIp, hostPort, containerPort, protocol } = port
    this.id = `${container.id}/port/${hostIp}:${hostPort}/${protocol}`
    this.description = hostIp === '' ? vscode.l10n.t('on every address') : hostIp
    this.iconPath = new vscode.ThemeIcon('plug')
    this.contextValue = `port.${protocol}`
    this.accessibilityInformation = {
      label: vscode.l10n.t('port {0} of the host leads to port {1}, {2}', hostPort, containerPort, protocol),
    }
  }
}

/** What may be a secret is shown when it is asked for. */
const secret = /pass|secret|token|key|credential|auth|private|cookie|session/i

export class VariableNode extends vscode.TreeItem {
  readonly value: string
  isShown: boolean

  constructor(container: ContainerSummary, entry: string) {
    const equals = entry.indexOf('=')
    const name = entry.slice(0, equals)
    super(name, None)
    this.value = entry.slice(equals + 1)
    this.id = `${container.id}/variable/${name}`
    this.isShown = !secret.test(name)
    this.iconPath = new vscode.ThemeIcon('symbol-constant')
    this.contextValue = this.isShown ? 'variable' : 'variable.secret'
    this.accessibilityInformation = { label: vscode.l10n.t('variable {0}', name) }
    this.show(this.isShown)
  }

  show(isShown: boolean): void {
    this.isShown = isShown
    this.description = isShown ? this.value : '••••••'
  }
}

export class CheckNode extends vscode.TreeItem {
  constructor(container: ContainerSummary, check: Health['log'][number]) {
    const isGood = check.exitCode === 0
    super(new Date(check.start).toLocaleTimeString(), None)
    this.id = `${container.id}/check/${check.start}`
    const output = check.output.trim().split('\n')[0] ?? ''
    const result = isGood ? vscode.l10n.t('healthy') : vscode.l10n.t('exit code {0}', check.exitCode)
    this.description = [result, output].filter(Boolean).join(' · ')
    this.iconPath = new vscode.ThemeIcon(
      isGood ? 'pass' : 'error',
      new vscode.ThemeColor(isGood ? 'charts.green' : 'charts.red'),
    )
    this.tooltip = check.output
    this.accessibilityInformation = { label: vscode.l10n.t('health check, {0}', result) }
  }
}
