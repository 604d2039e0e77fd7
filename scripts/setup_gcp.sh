#!/usr/bin/env bash
# Makes .venv-gcp: Google's packages for Dataflow, in a layer over .venv. Does nothing when it is up to date.
# Apart, because every process that imports Beam starts 0.7 s later where they are installed.
set -euo pipefail
cd "$(dirname "$0")/.."
bash scripts/setup.sh

wanted=$(cat pyproject.toml scripts/constraints.txt "$0" | sha256sum | cut -d' ' -f1)
if [ -x .venv-gcp/bin/python ] && [ "$(cat .venv-gcp/videoprefer-setup 2>/dev/null)" = "$wanted" ]; then
  exit 0
fi
echo "setup: making .venv-gcp over .venv (0.4 GB, a minute)"
.venv/bin/python -m venv --clear --without-pip .venv-gcp
below=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
above=$(.venv-gcp/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
# what .venv has is seen from here too, and pip leaves it where it is
echo "import site; site.addsitedir('$below')" > "$above/videoprefer_layer.pth"
.venv-gcp/bin/python -m pip install --quiet --disable-pip-version-check -c scripts/constraints.txt 'apache-beam[gcp]'
echo "$wanted" > .venv-gcp/videoprefer-setup
