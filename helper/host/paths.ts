/** Where everything lies: two roots, and names below them. */
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'

export const defaultState = '/var/lib/bulkhead'
export const defaultRun = '/run/bulkhead'

export function socketName(id: string): string {
  return `${id.slice(0, 16)}.sock`
}

export class Paths {
  /** What survives a reboot. */
  readonly state: string
  /** Sockets and live state. */
  readonly run: string

  constructor(state: string, run: string) {
    this.state = resolve(state)
    this.run = resolve(run)
  }

  get socket(): string {
    return join(this.run, 'helper.sock')
  }
  get images(): string {
    return join(this.state, 'images')
  }
  get layers(): string {
    return join(this.state, 'layers')
  }
  get containers(): string {
    return join(this.state, 'containers')
  }
  container(id: string): string {
    return join(this.containers, id)
  }
  /** Sockets of watchers, named after the first digits of their containers' ids: socket addresses are short. */
  get sockets(): string {
    return join(this.run, 'watchers')
  }
  /** Folders that the watchers of commands in containers lock. */
  get execs(): string {
    return join(this.run, 'execs')
  }
  socketOfWatcher(id: string): string {
    return join(this.sockets, socketName(id))
  }
  get networks(): string {
    return join(this.state, 'networks')
  }
  get volumes(): string {
    return join(this.state, 'volumes')
  }
  get privacyLayer(): string {
    return join(this.run, 'privacy')
  }

  /** Name of the parent cgroup and of the firewall's table: helpers with different roots do not meet. */
  get kernelName(): string {
    if (this.state === defaultState) return 'bulkhead'
    return `bulkhead-${createHash('sha256').update(this.state).digest('hex').slice(0, 12)}`
  }
}
