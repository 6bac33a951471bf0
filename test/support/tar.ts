/** Entries of a tar archive, written byte by byte: for those that no tar program would write. */

interface Entry {
  readonly name: string
  /** ustar's: 0 file, 1 hard link, 2 symbolic link, 3 character device, 4 block device, 5 directory. */
  readonly type?: string
  readonly content?: string | Buffer
  readonly link?: string
  readonly device?: readonly [major: number, minor: number]
}

export function tarEntry({ name, type = '0', content = '', link = '', device = [0, 0] }: Entry): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, at: number, size: number): void =>
    void header.write(`${value.toString(8).padStart(size - 1, '0')}\0`, at)
  header.write(name, 0)
  octal(0o644, 100, 8)
  octal(0, 108, 8)
  octal(0, 116, 8)
  octal(Buffer.byteLength(content), 124, 12)
  octal(0, 136, 12)
  header.write('        ', 148)
  header.write(type, 156)
  header.write(link, 157)
  header.write('ustar\x0000', 257, 'latin1')
  octal(device[0], 329, 8)
  octal(device[1], 337, 8)
  header.write(
    `${header
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
    148,
  )
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
  if (typeof content === 'string') body.write(content)
  else content.copy(body)
  return Buffer.concat([header, body])
}

/** An extended header (POSIX.1-2001, pax) for the entry that follows. */
export function paxHeader(records: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(records).map(([name, value]) => {
    const rest = ` ${name}=${value}\n`
    // A record begins with its own length, the digits of that included.
    let length = Buffer.byteLength(rest) + 1
    while (String(length).length + Buffer.byteLength(rest) !== length) length++
    return `${length}${rest}`
  })
  return tarEntry({ name: 'PaxHeader', type: 'x', content: lines.join('') })
}

export const tarEnd = Buffer.alloc(1024)
