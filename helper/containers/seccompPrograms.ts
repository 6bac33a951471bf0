/** Compiled seccomp filters: compiling takes some milliseconds, so each is compiled once. */
import type { Native } from '../host/native.ts'
import type { Seccomp } from '../plan/runtimeSpec.ts'

const comparisons = {
  SCMP_CMP_EQ: 'eq',
  SCMP_CMP_NE: 'ne',
  SCMP_CMP_LT: 'lt',
  SCMP_CMP_GT: 'gt',
  SCMP_CMP_MASKED_EQ: 'maskedEq',
} as const

export class SeccompPrograms {
  readonly #native: Native
  readonly #programs = new WeakMap<Seccomp, Promise<Uint8Array>>()
  /** By what they say: a specification that was read from disk has an object of its own. */
  readonly #byText = new Map<string, Promise<Uint8Array>>()

  constructor(native: Native) {
    this.#native = native
  }

  /** @throws Error when libseccomp refuses a rule. */
  get(seccomp: Seccomp): Promise<Uint8Array> {
    const known = this.#programs.get(seccomp)
    if (known !== undefined) return known
    const text = JSON.stringify(seccomp)
    const program = this.#byText.get(text) ?? this.#compile(seccomp)
    this.#byText.set(text, program)
    this.#programs.set(seccomp, program)
    return program
  }

  #compile(seccomp: Seccomp): Promise<Uint8Array> {
    const rules = seccomp.syscalls.map(({ names, action, errnoRet, args }) => ({
      names,
      action: action === 'SCMP_ACT_ALLOW' ? ('allow' as const) : ('errno' as const),
      ...(errnoRet !== undefined && { errno: errnoRet }),
      ...(args !== undefined && {
        args: args.map(({ index, value, valueTwo, op }) => ({
          index,
          value,
          op: comparisons[op],
          ...(valueTwo !== undefined && { valueTwo }),
        })),
      }),
    }))
    return this.#native.addon.compileSeccomp(seccomp.defaultErrnoRet, rules)
  }
}
