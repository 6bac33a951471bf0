/**
 * Rows whose text follows samples. The editor closes the hover of a row that is written anew, and forgets one that is about to
 * open: a row is left alone while somebody may be reading, and changes every three seconds otherwise. Of one that is open it
 * reads all that is below again, and knows no row there meanwhile, whose menu somebody may have open: every nine seconds.
 */

/** Milliseconds for which somebody may read a hover: when it closes nobody is told. */
const reading = 10_000
/** Samples from one round to the next. */
const writtenEvery = 3
/** Rows that are written at once: the others follow with the next samples. */
const atOnce = 150

/** Rounds between two writings of an open row. */
const openEvery = 3

export interface LiveRow {
  /** It shows what is used: its first value is not waited for. */
  readonly hasUsage: boolean
}

interface Look<Row> {
  /** Answers whether the row's text has changed. */
  readonly write: (row: Row) => boolean
  /** What is below it is shown. */
  readonly isOpen: (row: Row) => boolean
}

export class LiveRows<Row extends LiveRow> {
  #samples = 0
  /** Rows that have yet to be looked at in this round. */
  #left = 0
  #rounds = 0
  #next = 0
  #hovered: Row | undefined
  #hoveredUntil = 0

  /** A row's hover opens. */
  hover(row: Row): void {
    this.#hovered = row
    this.#hoveredUntil = Date.now() + reading
  }

  /** After a sample: the rows to be shown again. */
  written(rows: readonly Row[], { write, isOpen }: Look<Row>): Row[] {
    if (this.#samples++ % writtenEvery === 0) {
      this.#left = rows.length
      this.#rounds++
    }
    const changed: Row[] = []
    for (let tries = 0; tries < rows.length && changed.length < atOnce; tries++) {
      const row = rows[this.#next++ % rows.length]!
      const isTurn = this.#left-- > 0 && (!isOpen(row) || this.#rounds % openEvery === 0)
      const isDue = isTurn || !row.hasUsage
      const isRead = row === this.#hovered && Date.now() < this.#hoveredUntil
      if (isDue && !isRead && write(row)) changed.push(row)
    }
    return changed
  }
}
