/** Pages of ours that run nothing: text, tables and drawings. */
import * as vscode from 'vscode'
import type { Context } from '../context.ts'

/** Text that is not ours, in a page of ours. */
export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

export interface PageOptions {
  /** Of the style sheet, as the page may load it. */
  readonly style: string
  readonly cspSource: string
}

export function pageHtml(title: string, body: string, { style, cspSource }: PageOptions): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${cspSource}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" href="${style}">
  <title>${escape(title)}</title>
</head>
<body>
${body}
</body>
</html>`
}

/** Opens a page in the editor. `kind`: of panel, and the name of its style sheet in `media`. */
export function showPage(
  { extension }: Context,
  { kind, title, icon, html }: { kind: string; title: string; icon: string; html: (options: PageOptions) => string },
): void {
  const media = vscode.Uri.joinPath(extension.extensionUri, 'media')
  const panel = vscode.window.createWebviewPanel(`bulkhead.${kind}`, title, vscode.ViewColumn.Active, {
    enableScripts: false,
    localResourceRoots: [media],
  })
  panel.iconPath = new vscode.ThemeIcon(icon)
  const style = panel.webview.asWebviewUri(vscode.Uri.joinPath(media, `${kind}.css`)).toString()
  panel.webview.html = html({ style, cspSource: panel.webview.cspSource })
}
