/** What the usage panel and its page say to each other. */

/** A cgroup that is shown. */
export interface ShownSeries {
  readonly cgroup: string
  readonly name: string
  /** Milliseconds since 1970; null where it is not known. */
  readonly startedAt: number | null
}

export interface Device {
  readonly device: string
  /** Bytes a second. */
  readonly read: number
  readonly written: number
}

/** A row is the time in milliseconds, then one value for each of `usageColumns`. */
export type Row = readonly (number | null)[]

export type ToPage =
  | { readonly type: 'show'; readonly series: readonly ShownSeries[]; readonly texts: Texts }
  | { readonly type: 'history'; readonly resolution: Resolution; readonly rows: readonly (readonly Row[])[] }
  | { readonly type: 'sample'; readonly rows: readonly Row[] }
  | { readonly type: 'devices'; readonly devices: readonly (readonly Device[])[] }

export type Resolution = 'second' | 'minute'

export type FromPage =
  | { readonly type: 'ready' }
  | { readonly type: 'resolution'; readonly resolution: Resolution }
  /** `content`: text, or base64 of an image. */
  | { readonly type: 'export'; readonly format: ExportFormat; readonly content: string }

export type ExportFormat = 'csv' | 'png' | 'svg'

/** The page's words in the user's language. */
export interface Texts {
  readonly resume: string
  readonly pause: string
  readonly tenMinutes: string
  readonly day: string
  readonly resetZoom: string
  readonly exportAs: string
  readonly range: string
  readonly notCounted: string
  readonly waiting: string
  readonly table: string
  readonly min: string
  readonly avg: string
  readonly max: string
  readonly now: string
  readonly limit: string
  readonly events: string
  readonly noEvents: string
  readonly disks: string
  readonly read: string
  readonly written: string
  readonly device: string
  readonly keys: string
  readonly charts: Readonly<Record<ChartName, string>>
  readonly columns: Readonly<Record<string, string>>
  readonly marks: Readonly<Record<MarkKind, string>>
}

export type ChartName = 'cpu' | 'memory' | 'io' | 'network' | 'pids' | 'pressure'

export type MarkKind = 'start' | 'oom' | 'throttled' | 'limit'

export interface Mark {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly kind: MarkKind
  readonly name: string
}
