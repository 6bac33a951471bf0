/** An image of three layers: a busybox root, one that adds and changes files, one that changes one again and removes another. */
import type { TestHelper } from './helper.ts'

const steps = [
  'echo first >> /etc/motd; mkdir -p /srv/site/pages; head -c 300000 /dev/zero > /srv/site/big; echo "<h1>1</h1>" > /srv/site/pages/index.html; echo "carol:x:1001:1001::/:/bin/sh" >> /etc/passwd',
  'echo "<h1>2</h1>" > /srv/site/pages/index.html; rm /srv/site/big; echo added > /srv/site/new',
]

/** The busybox image is imported already. */
export async function makeLayeredImage(helper: TestHelper, name: string): Promise<void> {
  let base = 'busybox'
  for (const [at, script] of steps.entries()) {
    const container = `step-${at}`
    const target = at === steps.length - 1 ? name : `${name}-step-${at}`
    for (const args of [
      ['run', '--name', container, base, 'sh', '-c', script],
      ['commit', '-m', `step ${at + 1}`, container, target],
      ['rm', container],
    ]) {
      const { code, stderr } = await helper.cli(...args)
      if (code !== 0) throw new Error(stderr)
    }
    base = target
  }
}
