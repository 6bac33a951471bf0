/** Keeps some of what takes long to make ready in advance, and makes more when the rush is over. */

/** Milliseconds without a `take` after which there is time: longer than a start, so that none is slowed down. */
const quietMs = 25

export class Pool<T> {
  readonly #make: () => T
  readonly #size: number
  readonly #items: T[] = []
  #timer: NodeJS.Timeout | undefined
  #ended = false

  /** `make` is called when there is time, and by a `take` that finds nothing: which then throws what it throws. */
  constructor(make: () => T, size: number) {
    this.#make = make
    this.#size = size
  }

  /** One that was made before, or a new one. */
  take(): T {
    this.prepare()
    return this.#items.pop() ?? this.#make()
  }

  /** Makes what is missing, one at a time, when it is quiet. */
  prepare(): void {
    if (this.#ended) return
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#fill(), quietMs)
    else this.#timer.refresh()
    this.#timer.unref()
  }

  /** Makes no more; answers what was ready. */
  end(): T[] {
    this.#ended = true
    clearTimeout(this.#timer)
    return this.#items.splice(0)
  }

  #fill(): void {
    if (this.#ended || this.#items.length >= this.#size) return
    try {
      this.#items.push(this.#make())
    } catch {
      return // a full disk, too many files: the next `take` says so to whoever asked
    }
    this.prepare()
  }
}
