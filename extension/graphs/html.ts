/** Pages of ours: text, tables and drawings. Nothing is loaded from anywhere else. */
import * as vscode from 'vscode'
import type { Context } from '../context.ts'
import { escape } from './escape.ts'

export interface PageOptions {
  /** Addresses of style sheets, as the page may load them. */
  readonly styles: readonly string[]
  readonly cspSource: string
  /** Address of the one script that it runs; without one it runs nothing. */
  readonly script?: string
}

export function pageHtml(title: string, body: string, { styles, cspSource, script }: PageOptions): string {
  const links = styles.map((style) => `<link rel="stylesheet" href="${style}">`).join('')
  const runs = script === undefined ? '' : `; script-src ${cspSource}; img-src data:`
  return `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="UTF-8">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${cspSource}${runs}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  ${links}
  <title>${escape(title)}</title>
</head>
<body>
${body}${script === undefined ? '' : `<script src="${script}"></script>`}
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
  const styles = ['page.css', `${kind}.css`].map((name) =>
    panel.webview.asWebviewUri(vscode.Uri.joinPath(media, name)).toString(),
  )
  panel.webview.html = html({ styles, cspSource: panel.webview.cspSource })
}
