/** `bulkhead events`: what happens, and what happened lately. */
import { Command } from 'commander'
import { BulkheadError } from '../protocol/errors.ts'
import type { BulkheadEvent } from '../protocol/schemas.ts'
import { openClient, print } from './session.ts'
import { formatOption, type Format } from './table.ts'
import { collect, moment } from './units.ts'

/** Filters of one key are alternatives; those of different keys must all fit, as with Docker. */
export function isWanted(event: BulkheadEvent, filters: readonly string[]): boolean {
  const byKey = Map.groupBy(filters, (filter) => filter.split('=')[0]!)
  return [...byKey].every(([key, values]) => values.some((filter) => fits(event, key, filter.slice(key.length + 1))))
}

function fits({ type, action, id, attributes, container }: BulkheadEvent, key: string, value: string): boolean {
  switch (key) {
    case 'type':
      return type === value
    case 'event':
      return action === value
    case 'container':
    case 'image':
    case 'network':
    case 'volume':
      if (key === 'image' && type === 'container') return attributes['image'] === value
      return type === key && (attributes['name'] === value || (value.length >= 4 && id.startsWith(value)))
    case 'label': {
      const [name = '', wanted] = value.split(/=(.*)/s)
      const label = container?.labels[name]
      return label !== undefined && (wanted === undefined || label === wanted)
    }
    default:
      return false
  }
}

const keys = ['type', 'event', 'container', 'image', 'network', 'volume', 'label']

/** @throws BulkheadError for a filter of another key */
export function requireKnown(filters: readonly string[]): void {
  for (const filter of filters) {
    const [key = ''] = filter.split('=')
    if (!keys.includes(key))
      throw new BulkheadError('InvalidRequest', `there is no filter ${key}`, { hint: `There are ${keys.join(', ')}.` })
  }
}

interface EventOptions {
  since?: number
  until?: number
  filter?: string[]
  format: Format
}

export function eventsCommand(): Command {
  return new Command('events')
    .description('print what happens, until interrupted')
    .option('--since <time>', 'also what happened from then on, such as 10m', moment)
    .option('--until <time>', 'end there', moment)
    .option('-f, --filter <key=value>', 'those alone that fit, such as event=die', collect)
    .addOption(formatOption())
    .action(async ({ since, until, filter = [], format }: EventOptions) => {
      requireKnown(filter)
      const client = await openClient()
      const show = (event: BulkheadEvent): void => {
        if (!isWanted(event, filter)) return
        const attributes = Object.entries(event.attributes).map(([name, value]) => `${name}=${value}`)
        const line = `${new Date(event.time).toISOString()} ${event.type} ${event.action} ${event.id} (${attributes.join(', ')})`
        void print(`${format === 'json' ? JSON.stringify(event) : line}\n`)
      }
      // Live ones wait for those of before.
      const early: BulkheadEvent[] = []
      let live = (event: BulkheadEvent): void => void early.push(event)
      client.onEvent((event) => live(event))
      const from = since ?? Date.now()
      const past = await client.call('system/events', { since: from, ...(until !== undefined && { until }) })
      past.forEach(show)
      early
        .filter(
          (event) => !past.some((one) => one.time === event.time && one.id === event.id && one.action === event.action),
        )
        .forEach(show)
      live = show
      const left = until === undefined ? undefined : until - Date.now()
      await new Promise<void>((resolve) => {
        client.onClose(resolve)
        process.once('SIGINT', resolve)
        process.once('SIGTERM', resolve)
        if (left !== undefined) setTimeout(resolve, Math.max(0, left))
      })
      client.close()
    })
}
