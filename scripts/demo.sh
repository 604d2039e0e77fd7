#!/usr/bin/env bash
# The main job on the embedded default: no key, no GPU, no download. Usage: bash scripts/demo.sh [OUTPUT_DIR]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bash "$here/setup.sh"
case "${1:-}" in
  "") output="$here/../out/demo" ;;
  /*) output=$1 ;;
  *) output="$PWD/$1" ;;
esac
cd "$here/.."
exec .venv/bin/python -m pipeline.run --config demo --output "$output"
