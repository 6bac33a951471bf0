/** What is wrong with what somebody types, as input boxes say it. */
import * as vscode from 'vscode'
import { containerName } from '../../helper/protocol/names.ts'

/** Of what a reader of text makes of it: such readers answer with what is wrong, in words. */
export function problemIn(parsed: unknown): string | undefined {
  return typeof parsed === 'string' ? parsed : undefined
}

/** Of a container, a network or a volume. */
export function nameProblem(name: string): string | undefined {
  return containerName.test(name)
    ? undefined
    : vscode.l10n.t('Letters, digits, _ . and -, at least two, beginning with a letter or digit.')
}
