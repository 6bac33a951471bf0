/** Runs engine tests on a second kernel, whose cgroups are pure v2: a virtual machine under software emulation. */
import { spawn, execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  realpathSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { countsIn, writeCounts } from '../support/counts.ts'
import { root } from '../support/helper.ts'
import { debianKernel, modulesInOrder, type Kernel } from './kernel.ts'

const suites = ['cgroups', 'observedCgroups', 'namespaces', 'secondKernel'].map((name) => `test/engine/${name}.test.ts`)
const minutes = 6

/** What Node needs to load mocha, the tests and the helper's own packages. */
const packages = globSync('node_modules/*', { cwd: root }).filter(
  (path) => !/node-linux|playwright|typescript|esbuild|eslint|prettier|@vscode|node-gyp/.test(path),
)

/** An initial RAM disk that loads modules, mounts the disk, and starts /init.sh on it. */
function makeInitrd(directory: string, kernel: Kernel): string {
  const tree = join(directory, 'initrd')
  for (const name of ['bin', 'modules', 'proc', 'sys', 'dev', 'disk']) mkdirSync(join(tree, name), { recursive: true })
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'))
  const modules = modulesInOrder(kernel, ['virtio_pci', 'virtio_blk', 'overlay', 'quota_v2'])
  for (const module of modules) copyFileSync(module, join(tree, 'modules', basename(module)))
  writeFileSync(
    join(tree, 'init'),
    `#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
${modules.map((module) => `insmod /modules/${basename(module)}`).join('\n')}
mount -o prjquota /dev/vda /disk || poweroff -f
for d in proc sys dev; do mount --move /$d /disk/$d; done
exec switch_root /disk /init.sh
`,
    { mode: 0o755 },
  )
  const archive = join(directory, 'initrd.gz')
  execFileSync('sh', ['-c', `cd ${tree} && find . | cpio -o -H newc --quiet | gzip -1 > ${archive}`])
  return archive
}

/** Copies a program and the libraries that the dynamic loader names for it. */
function copyProgram(tree: string, program: string): void {
  const libraries = execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? []
  for (const file of [program, ...libraries]) {
    mkdirSync(join(tree, dirname(file)), { recursive: true })
    copyFileSync(realpathSync(file), join(tree, file))
  }
}

function makeDisk(directory: string): string {
  const tree = join(directory, 'disk')
  for (const name of ['bin', 'proc', 'sys', 'dev', 'tmp', 'run', 'var', 'etc', 'root'])
    mkdirSync(join(tree, name), { recursive: true })
  copyFileSync('/bin/busybox', join(tree, 'bin/busybox'))
  for (const applet of [
    'sh',
    'mount',
    'tar',
    'rm',
    'poweroff',
    'cat',
    'sleep',
    'mkdir',
    'ip',
    'unshare',
    'readlink',
    'umount',
  ])
    symlinkSync('busybox', join(tree, 'bin', applet))
  copyProgram(tree, process.execPath)
  symlinkSync(process.execPath, join(tree, 'bin/node'))
  for (const path of [
    'package.json',
    '.mocharc.json',
    'helper',
    'scripts',
    'test/support',
    'test/engine',
    'dist/bulkhead.cjs',
    'dist/native',
    ...packages,
  ])
    cpSync(join(root, path), join(tree, 'bulkhead', path), { recursive: true, dereference: true })
  writeFileSync(join(tree, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n')
  writeFileSync(join(tree, 'etc/group'), 'root:x:0:\n')
  writeFileSync(
    join(tree, 'init.sh'),
    `#!/bin/sh
export PATH=/bin HOME=/root
mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /dev/shm
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
cd /bulkhead
BULKHEAD_COUNTS=/tmp/counts node node_modules/mocha/bin/mocha.js --timeout 120000 --no-color ${suites.join(' ')}
echo "BULKHEAD_COUNTS $(cat /tmp/counts)"
poweroff -f
`,
    { mode: 0o755 },
  )
  const image = join(directory, 'disk.ext4')
  execFileSync('mke2fs', [
    '-q',
    '-t',
    'ext4',
    '-O',
    'quota,project',
    '-E',
    'quotatype=prjquota',
    '-d',
    tree,
    image,
    '1500M',
  ])
  rmSync(tree, { recursive: true })
  return image
}

/** The machine's console, until it is switched off. */
async function boot(kernel: Kernel, initrd: string, disk: string): Promise<string> {
  const machine = spawn(
    'qemu-system-x86_64',
    [
      ...[
        '-m',
        '1536',
        '-smp',
        '2',
        '-nographic',
        '-no-reboot',
        '-nic',
        'none',
        '-cpu',
        'max',
        '-accel',
        'tcg,thread=multi',
      ],
      ...['-kernel', kernel.image, '-initrd', initrd, '-drive', `file=${disk},format=raw,if=virtio,cache=unsafe`],
      ...['-append', 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all'],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  let console = ''
  machine.stdout.setEncoding('utf8').on('data', (text: string) => {
    console += text
    process.stdout.write(text)
  })
  const timeout = setTimeout(() => machine.kill('SIGKILL'), minutes * 60_000)
  await new Promise((resolve) => machine.once('exit', resolve))
  clearTimeout(timeout)
  return console
}

const directory = mkdtempSync('/tmp/bulkhead-vm-')
try {
  const kernel = debianKernel()
  const [initrd, disk] = [makeInitrd(directory, kernel), makeDisk(directory)]
  // Under emulation a program crashes now and then before it has run a test: once more, then.
  const counts = countsIn(await boot(kernel, initrd, disk)) ?? countsIn(await boot(kernel, initrd, disk))
  if (counts === undefined) throw new Error(`the machine ended twice without a verdict (it has ${minutes} minutes)`)
  writeCounts(counts)
  process.exitCode = counts.failed === 0 ? 0 : 1
} finally {
  rmSync(directory, { recursive: true, force: true })
}
