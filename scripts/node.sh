#!/usr/bin/env bash
# Runs a script on the Node 24 of the development dependencies, whatever Node the machine has.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
case $(uname -m) in
  x86_64) arch=x64 ;;
  aarch64) arch=arm64 ;;
  *) echo "Bulkhead runs on x86_64 and aarch64, not on $(uname -m)." >&2; exit 1 ;;
esac
node=$root/node_modules/node-linux-$arch/bin/node
[ -x "$node" ] || { echo "The development dependencies are not installed: run npm start or npm test." >&2; exit 1; }
cd "$root"
exec "$node" "$@"
