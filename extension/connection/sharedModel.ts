/** Networks and volumes as this window knows them: read when somebody looks, and again after an event that concerns them. */
import * as vscode from 'vscode'
import type { NetworkSummary } from '../../helper/protocol/networkSchemas.ts'
import type { BulkheadEvent } from '../../helper/protocol/schemas.ts'
import type { VolumeSummary } from '../../helper/protocol/volumeSchemas.ts'
import type { Connection } from './connection.ts'
import type { ContainerModel } from './containerModel.ts'

/** After these, other containers are in a network, or have a volume. */
const concern: readonly BulkheadEvent['action'][] = [
  'create',
  'start',
  'die',
  'destroy',
  'connect',
  'disconnect',
  'rename',
]

export class SharedModel implements vscode.Disposable {
  readonly #connection: Connection
  readonly #onDidChange = new vscode.EventEmitter<void>()
  readonly onDidChange = this.#onDidChange.event
  readonly #subscriptions: vscode.Disposable[]
  #networks: Promise<NetworkSummary[]> | undefined
  #volumes: Promise<VolumeSummary[]> | undefined

  constructor(connection: Connection, containers: ContainerModel) {
    this.#connection = connection
    this.#subscriptions = [
      connection.onDidChange(() => this.#forget()),
      containers.onEvent(({ type, action }) => {
        if (!concern.includes(action) || type === 'image') return
        this.#forget()
        if (type !== 'container') this.#onDidChange.fire()
      }),
    ]
  }

  /** Those with a bridge. */
  networks(): Promise<NetworkSummary[]> {
    this.#networks ??= this.#read(async (client) =>
      (await client.call('networks/list')).filter(({ driver }) => driver === 'bridge'),
    )
    return this.#networks
  }

  volumes(): Promise<VolumeSummary[]> {
    this.#volumes ??= this.#read((client) => client.call('volumes/list'))
    return this.#volumes
  }

  dispose(): void {
    vscode.Disposable.from(...this.#subscriptions, this.#onDidChange).dispose()
  }

  async #read<T>(read: (client: NonNullable<Connection['client']>) => Promise<T[]>): Promise<T[]> {
    const { client } = this.#connection
    return client === undefined ? [] : await read(client).catch(() => [])
  }

  #forget(): void {
    this.#networks = undefined
    this.#volumes = undefined
  }
}
