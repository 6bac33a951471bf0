/** A tooltip of a title and rows. Names and values are not ours: as text, never as Markdown. */
import * as vscode from 'vscode'

export function tableTooltip(
  title: string,
  rows: readonly (readonly [name: string, value: string])[],
): vscode.MarkdownString {
  const plain = (text: string): string => text.replaceAll('|', '¦').replaceAll('\n', ' ')
  const tooltip = new vscode.MarkdownString('', true)
  tooltip.appendMarkdown('**').appendText(title).appendMarkdown('**\n\n| | |\n|---|---|\n')
  for (const [name, value] of rows)
    tooltip
      .appendMarkdown('| ')
      .appendText(plain(name))
      .appendMarkdown(' | ')
      .appendText(plain(value))
      .appendMarkdown(' |\n')
  return tooltip
}
