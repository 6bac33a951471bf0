#!/usr/bin/env bash
# npm start: installs what is missing, builds, starts the helper, and opens VS Code with a container that runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh
packages=("${build_packages[@]}")
command -v code >/dev/null || packages+=("${vscode_packages[@]}")
bash scripts/setup.sh "${packages[@]}"
exec bash scripts/node.sh scripts/start.ts "$@"
