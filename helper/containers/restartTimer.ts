/** The next start of one container that ended, by its restart policy. */
export class RestartTimer {
  /** Starts since somebody started it. */
  count = 0
  /** The last pause, milliseconds. */
  lastPause = 0
  #timer: NodeJS.Timeout | undefined

  set(pause: number, start: () => void): void {
    this.lastPause = pause
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.count++
      start()
    }, pause)
  }

  /** True when there was one to come. */
  cancel(): boolean {
    const isSet = this.#timer !== undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    return isSet
  }

  reset(): void {
    this.cancel()
    this.count = 0
    this.lastPause = 0
  }
}
