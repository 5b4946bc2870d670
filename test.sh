#!/usr/bin/env bash
# Builds everything and runs every check: format, shellcheck, unit, property, actor and end-to-end tests.
#   ./test.sh                    all of it
#   ./test.sh EndToEnd ...       only the test projects whose name contains one of the words
#   FILTER=Flow ./test.sh Native only the tests whose full name contains FILTER
# Needs root (network namespaces, TUN devices); installs what is missing. The last line is "N passed, N failed, N skipped".
set -uo pipefail
cd "$(dirname "$0")" || exit 1
# What a script runs beside itself ignores SIGINT, and so would every program here that tests interrupt.
[ -z "$(trap -p INT)" ] || exec env --default-signal=INT,QUIT ./test.sh "$@"
. .ci/tools.sh

for word in "$@"; do
  case $word in
    -*)
      sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' test.sh
      [ "$word" = --help ] || [ "$word" = -h ]
      exit
      ;;
  esac
done

need_root
need_tun
need_dotnet_10
need_programs cc clang crun curl debootstrap ethtool git ip iperf3 iptables jq nft nsenter pgrep ping ps python3 setpriv shellcheck sysctl systemctl tc tcpdump tracepath traceroute tshark unshare
want_kubectl_1_21

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 MSBUILDDISABLENODEREUSE=1
artifacts=$PWD/artifacts
results=$artifacts/test-results
passed=0 failed=0 skipped=0

stage() { echo; echo "==> $1 (after ${SECONDS} s)"; }
finish() {
  echo
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
  exit
}
# A check that is not a test, but counts as a failed one when it fails.
check() {
  stage "$1"
  shift
  "$@" && return
  echo "FAILED: $*"
  failed=$((failed + 1))
  return 1
}
shell_scripts() { grep -rlE --exclude-dir={.git,artifacts,bin,obj} '^#!.*\b(ba)?sh\b|^# shellcheck shell=' .; }
await_format() {
  [ -n "$format" ] || return
  check "Format" wait "$format" || cat "$results/format.log"
  format=
}
# Adds up the counters of one project's results; a run that broke off is a failure of its own.
count() {
  local code=$1 trx=$2 counters total=0 executed=0 good=0
  counters=$(grep -o '<Counters [^>]*' "$trx" 2>/dev/null)
  if [ -n "$counters" ]; then
    number() { sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$counters"; }
    total=$(number total) executed=$(number executed) good=$(number passed)
  fi
  passed=$((passed + good)) failed=$((failed + executed - good)) skipped=$((skipped + total - executed))
  if [ "$code" != 0 ] && [ "$executed" = "$good" ]; then
    echo "FAILED: the run of ${trx##*/} broke off (exit code $code)"
    failed=$((failed + 1))
  fi
}

rm -rf "$results"
mkdir -p "$results"

check "Restore, with the locked versions" dotnet restore gwlbtun.sln --locked-mode -v q || finish
check "Build" dotnet build gwlbtun.sln -c Release --no-restore -v q -clp:NoSummary || finish
check "Publish" dotnet publish src/Gwlbtun.Actors -c Release --no-restore -v q -o "$artifacts/gwlbtun" || finish
# Beside what follows; awaited before the end-to-end tests, which mind the company.
dotnet format gwlbtun.sln --verify-no-changes --no-restore >"$results/format.log" 2>&1 &
format=$!
mapfile -t scripts < <(shell_scripts)
check "Shell scripts" shellcheck -x "${scripts[@]}"

export E2E_GWLBTUN=$artifacts/gwlbtun/gwlbtun
export E2E_EMULATOR=$PWD/tests/Gwlbtun.Emulator/bin/Release/net10.0/gwlb-emulator
run() {
  dotnet test "$1" -c Release --no-build --results-directory "$results" \
    --logger "console;verbosity=minimal" --logger "trx;LogFileName=${1##*/}.trx" \
    --blame-hang --blame-hang-timeout 12m --blame-hang-dump-type none ${FILTER:+--filter "FullyQualifiedName~$FILTER"}
}
# What has been running beside the last project, if anything.
await_beside() {
  [ -n "$beside" ] || return
  wait "$beside_process"
  local code=$?
  stage "$beside, begun before"
  cat "$results/$beside.log"
  count $code "$results/$beside.trx"
  beside=
}

beside=
for project in tests/*.Tests; do
  name=${project##*/}
  if [ $# -gt 0 ]; then
    for word in "$@"; do [[ $name == *"$word"* ]] && break; done
    [[ $name == *"$word"* ]] || continue
  fi
  if [[ $name == *Comparison* ]]; then
    # Mostly waits for the runs that it starts: that none of their packets gets lost is judged, and how fast they are is not.
    run "$project" >"$results/$name.log" 2>&1 &
    beside=$name beside_process=$!
    continue
  fi
  if [[ $name == *EndToEnd* ]]; then
    await_beside
    await_format
  fi
  stage "$name"
  run "$project"
  count $? "$results/$name.trx"
  await_beside
done
await_beside
await_format
finish
