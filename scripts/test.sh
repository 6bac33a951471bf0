#!/usr/bin/env bash
# npm test: installs what is missing, builds, and runs every suite. Names of suites as arguments run those alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/packages.sh
bash scripts/setup.sh "${build_packages[@]}" "${vscode_packages[@]}" "${test_packages[@]}"
exec bash scripts/node.sh scripts/test.ts "$@"
