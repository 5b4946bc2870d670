#!/usr/bin/env bash
# Measures gwlbtun in network namespaces of this machine, run by run in turn with another handler and with the kernel alone (the floor).
#   ./bench.sh                        ours and the floor, every case
#   ./bench.sh --peer PATH            ... and another handler with the same options, such as the C++ gwlbtun
#   ./bench.sh --cases small,latency --topology nic --quick
#   ./bench.sh --help                 all cases and options
# Prints a table for each case; JSON and a chart go to artifacts/bench. Ends with 1 when a packet of ours was lost or wrong,
# and with 2 when something could not be measured.
set -uo pipefail
cd "$(dirname "$0")" || exit 2
. .ci/tools.sh

for word in "$@"; do
  case $word in
    -h | -\? | --help)
      (need_dotnet_10) || exit 2
      exec dotnet run --project tests/Gwlbtun.Comparison -c Release -v q -- --help
      ;;
  esac
done

prefix=gwbench-$$
pid=

# shellcheck disable=SC2317 # a trap calls it
clean_up() {
  local code=$? name
  trap '' INT TERM HUP
  if [ -n "$pid" ]; then
    kill -TERM "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  fi
  # The program removes what it made. This is for when it was killed.
  for name in $(ip netns list | cut -d ' ' -f 1 | grep "^$prefix-"); do
    for pid in $(ip netns pids "$name"); do kill -KILL "$pid" 2>/dev/null; done
    ip netns del "$name"
  done
  exit "$code"
}

# In a shell of their own: they end it with 1, which is what a lost packet ends this one with.
(
  need_root
  need_tun
  need_dotnet_10
  need_programs ethtool ip iperf3 iptables ping tc
) || exit 2
command -v clang >/dev/null || echo "Without clang there is neither the floor nor the case nat: install package clang to have them."

echo "==> Build"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet publish src/Gwlbtun.Actors -c Release -v q -o artifacts/gwlbtun &&
  dotnet publish tests/Gwlbtun.Comparison -c Release -v q -o artifacts/compare || exit 2

echo "==> Measure"
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Beside the script, not in front of it: a trap waits for what is in front.
artifacts/compare/gwlbtun-compare --gwlbtun artifacts/gwlbtun/gwlbtun --scripts example-scripts --output artifacts/bench --prefix "$prefix" "$@" &
pid=$!
wait "$pid"
code=$?
pid=
exit $code
