#!/usr/bin/env bash
# The tests. Usage: bash scripts/test.sh [pytest arguments], for example -m slow for the slow ones.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bash "$here/setup.sh"
cd "$here/.."
# Two test processes; more threads inside each would only get in each other's way.
export OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
exec .venv/bin/python -m pytest -n 2 --dist loadfile "$@"
