/** Rows below the containers: networks and volumes, which outlive them. */
import * as vscode from 'vscode'
import type { RootReference } from '../../helper/protocol/imageSchemas.ts'
import type { NetworkSummary } from '../../helper/protocol/networkSchemas.ts'
import type { VolumeSummary } from '../../helper/protocol/volumeSchemas.ts'
import { tableTooltip } from './tooltip.ts'

const { None, Collapsed } = vscode.TreeItemCollapsibleState

export class SharedNode extends vscode.TreeItem {
  readonly kind: 'networks' | 'volumes'

  constructor(kind: 'networks' | 'volumes', count: number) {
    const title = kind === 'networks' ? vscode.l10n.t('Networks') : vscode.l10n.t('Volumes')
    super(title, Collapsed)
    this.kind = kind
    this.id = `shared/${kind}`
    this.description = String(count)
    this.iconPath = new vscode.ThemeIcon(kind === 'networks' ? 'type-hierarchy' : 'database')
    this.contextValue = `shared.${kind}`
    this.accessibilityInformation = { label: `${title}, ${count}` }
  }
}

export class NetworkNode extends vscode.TreeItem {
  readonly network: NetworkSummary

  constructor(network: NetworkSummary) {
    super(network.name, network.containers.length > 0 ? Collapsed : None)
    this.network = network
    this.id = `network/${network.id}`
    const subnets = network.subnets.map(({ subnet }) => subnet)
    const internal = network.internal ? [vscode.l10n.t('internal')] : []
    this.description = [...subnets, ...internal].join(' · ')
    this.iconPath = new vscode.ThemeIcon('type-hierarchy')
    this.contextValue = network.name === 'bridge' ? 'network.default' : 'network'
    this.tooltip = tableTooltip(network.name, [
      [vscode.l10n.t('Bridge'), network.bridge],
      ...network.subnets.map(({ subnet, gateway }) => [vscode.l10n.t('Subnet'), `${subnet}, ${gateway}`] as const),
      [vscode.l10n.t('Containers'), network.containers.map(({ name }) => name).join(', ') || '–'],
    ])
    this.accessibilityInformation = {
      label: vscode.l10n.t('network {0}, {1} containers', network.name, network.containers.length),
    }
  }
}

/** A container in a network. */
export class MemberNode extends vscode.TreeItem {
  constructor(network: NetworkSummary, { id, name, endpoint }: NetworkSummary['containers'][number]) {
    super(name, None)
    this.id = `network/${network.id}/${id}`
    this.description = [endpoint.address, endpoint.address6].filter(Boolean).join(' · ')
    this.iconPath = new vscode.ThemeIcon('vm')
    this.contextValue = 'member'
    this.accessibilityInformation = { label: vscode.l10n.t('container {0}, address {1}', name, endpoint.address) }
  }
}

export class VolumeNode extends vscode.TreeItem {
  readonly volume: VolumeSummary
  readonly root: RootReference

  constructor(volume: VolumeSummary) {
    super(volume.isAnonymous ? volume.name.slice(0, 12) : volume.name, Collapsed)
    this.volume = volume
    this.root = { volume: volume.name }
    this.id = `volume/${volume.name}`
    this.description = volume.usedBy.length === 0 ? vscode.l10n.t('used by nobody') : volume.usedBy.join(', ')
    this.iconPath = new vscode.ThemeIcon('database')
    this.contextValue = 'volume'
    this.tooltip = tableTooltip(volume.name, [
      [vscode.l10n.t('On the host'), volume.mountpoint],
      [vscode.l10n.t('Made'), new Date(volume.createdAt).toLocaleString()],
      [vscode.l10n.t('Used by'), volume.usedBy.join(', ') || '–'],
    ])
    this.accessibilityInformation = { label: vscode.l10n.t('volume {0}', volume.name) }
  }
}
