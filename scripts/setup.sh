#!/usr/bin/env bash
# Makes .venv with everything the project needs, from pip wheels alone. Does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "$0")/.."

python=""
for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3; do
  if command -v "$candidate" >/dev/null &&
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "setup: Python 3.11 to 3.14 is needed and none was found; on Debian or Ubuntu:" >&2
  echo "  apt-get install python3 python3-venv" >&2
  echo "or name one: PYTHON=/path/to/python3.12 bash $0" >&2
  exit 2
fi

wanted=$(cat pyproject.toml scripts/constraints.txt | sha256sum | cut -d' ' -f1)
if [ -x .venv/bin/python ] && [ "$(cat .venv/videoprefer-setup 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi

echo "setup: making .venv with $("$python" --version) (2 GB, a minute or two)"
if [ ! -x .venv/bin/pip ] && ! "$python" -m venv .venv; then
  echo "setup: Python's venv module is missing; on Debian or Ubuntu: apt-get install python3-venv" >&2
  exit 2
fi
.venv/bin/pip install --quiet --disable-pip-version-check -c scripts/constraints.txt -e '.[test]'
echo "$wanted" > .venv/videoprefer-setup
