/** The row whose hover is open: written anew, it would close. */

/** Milliseconds for which somebody may read it: when it closes nobody is told. */
const reading = 10_000

export class Hovered {
  #row: unknown
  #until = 0

  set(row: unknown): void {
    this.#row = row
    this.#until = Date.now() + reading
  }

  is(row: unknown): boolean {
    return row === this.#row && Date.now() < this.#until
  }
}
