#!/usr/bin/env bash
# One small run on the default engine and on Flink: the same bytes in every table file, or exit code 1.
#   bash scripts/flink/prove.sh [JAR]
set -euo pipefail
cd "$(dirname "$0")/../.."

python=${PYTHON:-.venv/bin/python}
version=$("$python" -c 'from importlib.metadata import version as v; print(v("apache-beam"))' 2>/dev/null) || {
  echo "missing: $python with this program's packages; \`bash scripts/setup.sh\`, or set PYTHON" >&2
  exit 2
}
flink=2.2
name=beam-runners-flink-$flink-job-server
jar=${1:-$HOME/.apache_beam/cache/jars/$name-$version.jar}
java=$(command -v java) || {
  echo "missing: java, which runs Beam's job server (17 does)" >&2
  exit 2
}
work=$(mktemp -d)
pool=
trap 'if [ -n "$pool" ]; then kill "$pool" 2>/dev/null || true; fi; rm -rf "$work"' EXIT

if [ $# -eq 0 ] && [ ! -f "$jar" ] && command -v mvn >/dev/null; then
  mvn -q dependency:copy "-Dartifact=org.apache.beam:$name:$version" "-DoutputDirectory=$work" \
    >"$work/mvn.log" 2>&1 || true
  [ ! -f "$work/$name-$version.jar" ] || jar=$work/$name-$version.jar
fi
if [ ! -f "$jar" ]; then
  echo "missing: $jar, Beam's job server for Flink. Where Maven reaches its repository:" >&2
  echo "  mvn dependency:copy -Dartifact=org.apache.beam:$name:$version -DoutputDirectory=jars" >&2
  echo "  bash scripts/flink/prove.sh jars/$name-$version.jar" >&2
  exit 2
fi

cat >"$work/config.yaml" <<'YAML'
sources: [{kind: simulated, prompts: 4}]
generators:
  pool: [{kind: simulated, name: sim-clean}, {kind: simulated, name: sim-motion-frozen}]
annotators: [{kind: signal}]
concurrency: {processes: 1}
report: {prompts: 2}
YAML

export OMP_NUM_THREADS=1
run() {  # a name, and Beam's options
  local output=$work/$1
  shift
  "$python" -m pipeline.run --config "$work/config.yaml" --output "$output" "$@"
  (cd "$output/tables" && find . -name '*.parquet' -print0 | sort -z | xargs -0 sha256sum) >"$output.sums"
}
options() { grep -v '^#' "scripts/flink/$1.options"; }

run default
PATH="$(cd "$(dirname "$python")" && pwd):$PATH" "$python" -m \
  apache_beam.runners.worker.worker_pool_main --service_port 50000 >"$work/pool.log" 2>&1 &
pool=$!
for kind in local pool; do
  mapfile -t flags < <(options "$kind")
  run "$kind" "${flags[@]}" "--flink_job_server_jar=$jar" "--job_server_java_launcher=$java"
  if ! diff "$work/default.sums" "$work/$kind.sums"; then
    echo "FAILED: tables made on Flink ($kind) differ from those of the default engine" >&2
    exit 1
  fi
done
echo "the same $(wc -l <"$work/default.sums") table files on Flink, with threads and with a pool:"
cat "$work/default.sums"
