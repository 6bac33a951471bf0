/** What a container has of its request or else of its image, decided when it is made. */
import { constants } from 'node:os'
import type { ImageSettings } from '../images/formats.ts'
import { defaults } from '../limits.ts'
import { BulkheadError } from '../protocol/errors.ts'
import type { PublishRequest } from '../protocol/networkSchemas.ts'
import type { RunRequest } from '../protocol/schemas.ts'
import type { HealthSettings } from './record.ts'

const names: Readonly<Record<string, number>> = constants.signals

/** `SIGQUIT`, `quit`, `3`. @throws BulkheadError for an image that names another */
export function stopSignalOf(request: RunRequest, config: ImageSettings): number {
  if (request.stopSignal !== undefined) return request.stopSignal
  const text = config.StopSignal ?? ''
  if (text === '') return constants.signals.SIGTERM
  const number = /^\d+$/.test(text) ? Number(text) : names[`SIG${text.toUpperCase().replace(/^SIG/, '')}`]
  if (number !== undefined && number >= 1 && number <= 64) return number
  throw new BulkheadError('InvalidRequest', `image ${request.image} wants ${text} as stop signal, which is none`, {
    hint: 'Give one: --stop-signal SIGTERM',
  })
}

const perMillisecond = 1_000_000

/** Docker's rules: a test of the request replaces the image's; times may be set alone. Null for none. */
export function healthOf({ health: asked }: RunRequest, { Healthcheck: image }: ImageSettings): HealthSettings | null {
  const given = asked?.test ?? []
  const test = given.length > 0 ? given : (image?.Test ?? [])
  if (test.length < 2 || test[0] === 'NONE') return null
  const time = (own: number | undefined, ofImage: number | null | undefined, standard: number): number =>
    own ?? (ofImage == null || ofImage <= 0 ? standard : ofImage / perMillisecond)
  const { interval, timeout, startPeriod, startInterval, retries } = defaults.health
  return {
    test: [...test],
    interval: time(asked?.interval, image?.Interval, interval),
    timeout: time(asked?.timeout, image?.Timeout, timeout),
    startPeriod: time(asked?.startPeriod, image?.StartPeriod, startPeriod),
    startInterval: time(asked?.startInterval, image?.StartInterval, startInterval),
    retries: asked?.retries ?? (image?.Retries == null || image.Retries <= 0 ? retries : image.Retries),
  }
}

/** `80/tcp`; undefined for what is no port. A range is its ports. */
function exposedPorts(text: string): PublishRequest[] {
  const match = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp))?$/.exec(text)
  if (match === null) return []
  const [from, to] = [Number(match[1]), Number(match[2] ?? match[1])]
  if (from < 1 || to > 65_535 || to - from > 1024) return []
  const protocol = match[3] === 'udp' ? 'udp' : 'tcp'
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => ({
    hostIp: '',
    hostPort: 0,
    containerPort: from + n,
    protocol,
  }))
}

/** What is published: what was asked for, and with `publishAll` what the image exposes. */
export function publishedBy(request: RunRequest, config: ImageSettings): PublishRequest[] {
  if (!request.publishAll) return request.publish
  const exposed = [
    ...request.expose.map((port): PublishRequest => ({ hostIp: '', hostPort: 0, ...port })),
    ...Object.keys(config.ExposedPorts ?? {}).flatMap(exposedPorts),
  ]
  const isAsked = ({ containerPort, protocol }: PublishRequest): boolean =>
    request.publish.some((port) => port.containerPort === containerPort && port.protocol === protocol)
  const once = new Map(exposed.map((port) => [`${port.containerPort}/${port.protocol}`, port]))
  return [...request.publish, ...[...once.values()].filter((port) => !isAsked(port))]
}
