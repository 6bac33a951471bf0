/** Ids and names that nobody chose. */
import { randomBytes, randomInt } from 'node:crypto'
import { defaults } from '../limits.ts'

const adjectives =
  `able brave bright calm clear deep eager early fair fast firm fresh gentle glad keen kind light lively
  lucky mellow merry neat noble patient plain proud quick quiet ready silent smooth solid steady sunny swift tidy warm
  wide wise young`.split(/\s+/)

const nouns = `anchor barge bay beacon bell bow buoy cabin canal cape captain cargo coast compass cove deck dock ferry
  fleet galley gull harbour hatch helm hull island jetty keel kelp lagoon lantern lock mast oar pilot pier port raft
  reef rigging rudder sail sextant shoal tide tug wake wharf`.split(/\s+/)

/** 64 hexadecimal digits. */
export function newId(): string {
  return randomBytes(32).toString('hex')
}

export function newName(taken: (name: string) => boolean): string {
  for (let tries = 0; ; tries++) {
    const name = `${adjectives[randomInt(adjectives.length)]}_${nouns[randomInt(nouns.length)]}`
    const candidate = tries < 10 ? name : `${name}${randomInt(10_000)}`
    if (!taken(candidate)) return candidate
  }
}

/** First host id of a container's range; undefined when it has the host's own ids. */
export function firstIdOf(range: number | null): number | undefined {
  return range === null ? undefined : defaults.idRanges.first + range * defaults.idRanges.size
}
