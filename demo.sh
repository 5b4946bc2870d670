#!/usr/bin/env bash
# Shows gwlbtun at work on one machine: an emulated Gateway Load Balancer, an appliance, and real programs on both sides.
#   ./demo.sh          builds, runs everything, says whether it was good, and leaves nothing behind but what it built and installed
#   ./demo.sh --keep   leaves the hairpin running at the end and says how to play with it
#   ./demo.sh --clean  removes what --keep left
#
#   client 10.1.0.2 ── TUN ─┐                                  ┌─ TUN ── 10.2.0.2 server
#                           └── load balancer (gwlb-emulator) ─┘             │
#                                  10.77.0.1 │ Geneve, UDP 6081              │
#                                  10.77.0.2 │                               │
#                                appliance (gwlbtun) ── second leg, for NAT ─┘ 198.51.100.2
set -uo pipefail
cd "$(dirname "$0")" || exit 1
. .ci/tools.sh

prefix=gwdemo
client=$prefix-$$-client server=$prefix-$$-server gwlb=$prefix-$$-gwlb appliance=$prefix-$$-appl
health_port=8060
gwlbtun=artifacts/gwlbtun/gwlbtun
emulator=artifacts/emulator/gwlb-emulator
pids=() servers=() failures=()
folder=

inside() { ip netns exec "$@"; }

# What killed or kept runs left: namespaces of our prefix, with the processes in them.
remove_namespaces() {
  local name pid
  for name in $(ip netns list | cut -d ' ' -f 1 | grep "^$prefix-$1"); do
    for pid in $(ip netns pids "$name"); do kill -KILL "$pid" 2>/dev/null; done
    ip netns del "$name"
  done
}

clean_up() {
  local code=$? pid
  trap '' INT TERM HUP
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  # The servers have nothing to tidy up, and Ctrl-C has reached them already: on a second signal that it handles iperf3 may never end.
  for pid in "${servers[@]}"; do kill -KILL "$pid" 2>/dev/null; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null; done
  remove_namespaces "$$-"
  rm -rf "$folder"
  exit "$code"
}

# start NAME NAMESPACE COMMAND...  runs it beside the script, its output in $folder/NAME.log, its process in $started.
start() {
  local name=$1
  shift
  : >"$folder/$name.log" # now, not when the process gets to it: an earlier one's lines must not be taken for its own
  ip netns exec "$@" >"$folder/$name.log" 2>&1 </dev/null &
  started=$!
  pids+=("$started")
}

# stop PID  ends it by SIGTERM and returns its exit code.
stop() {
  local pid=$1 index
  kill -TERM "$pid"
  for index in "${!pids[@]}"; do [ "${pids[index]}" = "$pid" ] && unset "pids[index]"; done
  wait "$pid"
}

# await_line NAME PATTERN  waits up to a minute for the line in NAME's log.
await_line() {
  local tries
  for ((tries = 0; tries < 1200; tries++)); do
    grep -qi -- "$2" "$folder/$1.log" && return
    sleep 0.05
  done
  echo "$1 did not say '$2':"
  cat "$folder/$1.log"
  return 1
}

# check WHAT COMMAND...  runs one of the trials; its output is shown when it fails.
check() {
  local what=$1 output
  shift
  # Not in a subshell: stopping a process means waiting for a child of this one.
  if "$@" >"$folder/check.log" 2>&1; then
    output=$(<"$folder/check.log")
    printf '  good    %s%s\n' "$what" "${output:+: $output}"
  else
    printf '  FAILED  %s\n' "$what"
    cat "$folder/check.log"
    failures+=("$what")
  fi
}

make_network() {
  local name
  for name in "$client" "$server" "$gwlb" "$appliance"; do
    ip netns add "$name" && ip -n "$name" link set lo up || return
  done
  join "$gwlb" "$appliance" uplink 10.77.0.1/24 10.77.0.2/24 &&
    join "$appliance" "$server" leg 198.51.100.1/24 198.51.100.2/24 &&
    ip -n "$appliance" addr add 2001:db8:51::1/64 dev leg nodad &&
    ip -n "$server" addr add 2001:db8:51::2/64 dev leg nodad
}

# join LEFT RIGHT DEVICE LEFT-ADDRESS RIGHT-ADDRESS  connects two namespaces; MTU 9001 as in a VPC.
join() {
  ip -n "$1" link add "$3" mtu 9001 type veth peer name "$3" mtu 9001 netns "$2" &&
    ip -n "$1" addr add "$4" dev "$3" && ip -n "$2" addr add "$5" dev "$3" &&
    ip -n "$1" link set "$3" up && ip -n "$2" link set "$3" up
}

# Addresses and routes of the TUN devices that the emulator makes in the client's and the server's namespace.
address_sides() {
  ip -n "$client" addr add 10.1.0.2/24 dev gwlb-client && ip -n "$client" addr add fd01::2/64 dev gwlb-client nodad &&
    ip -n "$server" addr add 10.2.0.2/24 dev gwlb-server && ip -n "$server" addr add fd02::2/64 dev gwlb-server nodad &&
    ip -n "$client" link set gwlb-client up && ip -n "$server" link set gwlb-server up &&
    ip -n "$client" route add default dev gwlb-client && ip -n "$client" -6 route add default dev gwlb-client &&
    ip -n "$server" route add 10.1.0.0/24 dev gwlb-server && ip -n "$server" -6 route add fd01::/64 dev gwlb-server
}

# begin_gwlbtun HOOK  starts gwlbtun with this hook.
begin_gwlbtun() {
  start gwlbtun "$appliance" env HOOK_UPLINK=leg HOOK_STATE_DIR="$folder/hooks" \
    "$gwlbtun" -c "example-scripts/$1" -r "example-scripts/$1" -p $health_port
  gwlbtun_pid=$started
  await_line gwlbtun '\bready\b'
}

# begin HOOK  starts gwlbtun with this hook, and the emulator between the client and the server.
begin() {
  begin_gwlbtun "$1" || return
  start emulator "$gwlb" "$emulator" bridge --appliance 10.77.0.2 --health-port $health_port --health-http --fail-open \
    --client-netns "$client" --server-netns "$server"
  emulator_pid=$started
  await_line emulator '^ready' && address_sides
}

# finish WHAT  stops both, and shows what flowed and how gwlbtun saw itself.
finish() {
  echo "  gwlbtun's health report:"
  inside "$appliance" curl -s --max-time 2 http://127.0.0.1:$health_port/ | sed -e 's/<title>.*<.title>//' -e 's/<[^>]*>//g' -e '/^$/d' -e 's/^/    /'
  check "$1: the load balancer objects to nothing" stop_emulator
  sed 's/^/    /' "$folder/emulator.log"
  check "$1: gwlbtun ends with 0 on SIGTERM and removes its devices" stop_gwlbtun
}
stop_emulator() { stop "$emulator_pid"; }
stop_gwlbtun() {
  stop "$gwlbtun_pid" || { cat "$folder/gwlbtun.log"; return 1; }
  ! ip -n "$appliance" link | grep 'gw[io]-'
}

serve() {
  if command -v python3 >/dev/null; then
    start web "$server" python3 -u -m http.server --bind :: --directory "$folder/www" 8000
  else
    start web "$server" busybox httpd -f -p 8000 -h "$folder/www"
  fi
  servers+=("$started")
  start iperf "$server" iperf3 -s
  servers+=("$started")
}

# One by one: of several, ping does not wait for the last answer as long as for the only one.
try_ping() {
  local n
  for n in {1..10}; do
    inside "$client" ping -q -c 1 -W 30 -s 8400 -M "do" "$1" >"$folder/ping.log" || { echo "after $((n - 1)) answers:"; cat "$folder/ping.log"; return 1; }
  done
  echo "10 of 10 answered"
}
try_curl() {
  local speed
  speed=$(inside "$client" curl -sS --fail --max-time 60 --retry 3 --retry-connrefused -o "$folder/copy" -w '%{speed_download}' "http://$1:8000/file") || return
  [ "$(sha256sum <"$folder/copy")" = "$(sha256sum <"$folder/www/file")" ] || { echo "another checksum"; return 1; }
  echo "100 MB, checksum equal, $((${speed%.*} / 1000000)) MB/s"
}
# Its server may be busy still with the run before.
run_iperf() {
  local tries
  for tries in {1..50}; do
    inside "$client" iperf3 -J "$@" >"$folder/iperf.json" && return
    grep -q 'server is busy' "$folder/iperf.json" || break
    sleep 0.2
  done
  echo "at try $tries:"
  cat "$folder/iperf.json"
  return 1
}
try_iperf_tcp() { run_iperf -c "$1" -t 1 && jq -er '.end.sum_received.bits_per_second / 1e6 | floor | "\(.) Mbit/s"' "$folder/iperf.json"; }
# What gwlbtun lost, by its own count; what the kernel says by itself is no loss.
lost_by_gwlbtun() {
  inside "$appliance" curl -sf --max-time 30 --retry 3 http://127.0.0.1:$health_port/ |
    sed -n 's/.*Dropped: \([0-9]*\) packets, \([a-zA-Z]*\).*/\1 \2/p' | awk '$2 != "kernelChatter" { lost += $1 } END { print lost + 0 }'
}
# What the server's own UDP sockets had no room for.
lost_by_server() {
  # shellcheck disable=SC2016
  inside "$server" awk '$1 == "Udp:" && $6 ~ /^[0-9]/ { lost += $6 } $1 == "Udp6RcvbufErrors" { lost += $2 } END { print lost + 0 }' /proc/net/snmp /proc/net/snmp6
}

# On a busy machine iperf3's server may not keep up, and loses in its own socket what gwlbtun carried: that is told apart. Fewer packets than the
# devices' queues hold, for when somebody else does not keep up.
try_iperf_udp() {
  local gwlbtun_before gwlbtun_lost server_before server_lost
  gwlbtun_before=$(lost_by_gwlbtun) && server_before=$(lost_by_server) || return
  run_iperf -c "$1" -n 2M -u -b 50M -l 1400 || return
  gwlbtun_lost=$(($(lost_by_gwlbtun) - gwlbtun_before)) server_lost=$(($(lost_by_server) - server_before))
  jq -er --argjson gwlbtun $gwlbtun_lost --argjson server $server_lost \
    '.end.sum | "\(.packets) packets, \(.lost_packets) lost, \($gwlbtun) of them by gwlbtun, \($server) by the server"' "$folder/iperf.json"
  [ $gwlbtun_lost = 0 ] && jq -e --argjson server $server_lost '.end.sum | .lost_packets - $server < .packets / 100 and .packets > 1000' "$folder/iperf.json" >/dev/null
}

# traffic WHAT IPv4-ADDRESS IPv6-ADDRESS
traffic() {
  check "$1: ping of 8400 bytes, IPv4" try_ping "$2"
  check "$1: ping of 8400 bytes, IPv6" try_ping "$3"
  check "$1: curl, IPv4" try_curl "$2"
  check "$1: curl, IPv6" try_curl "[$3]"
  check "$1: iperf3 TCP, IPv4" try_iperf_tcp "$2"
  check "$1: iperf3 TCP, IPv6" try_iperf_tcp "$3"
  check "$1: iperf3 UDP, IPv4" try_iperf_udp "$2"
  check "$1: iperf3 UDP, IPv6" try_iperf_udp "$3"
}

# Made-up flows whose packets the emulator compares byte for byte.
try_blast() {
  local tries
  for tries in {1..3}; do
    if inside "$gwlb" "$emulator" blast --appliance 10.77.0.2 --flows 200 --ip-mix --protocol udp,tcp,icmp --window 128 --seconds 2 --patience 30 --allow Reordered "$@" >"$folder/blast.log" 2>&1; then
      grep -o 'sent [0-9]*, returned [0-9]*' "$folder/blast.log"
      return
    fi
    # Where the machine stalls for a second, gwlbtun rightly takes fragments of one packet for those of two.
    grep -Eq 'latency in microseconds: .* max [0-9]{7}' "$folder/blast.log" || break
  done
  echo "at try $tries:"
  cat "$folder/blast.log"
  return 1
}
rare_traffic() {
  begin_gwlbtun create-passthrough.sh || return
  # The first packets wait for the hook, in a bounded space: a few ahead of the many.
  check "rare packets: the devices are made" try_blast --packets 20
  check "rare packets: fragments out of order" try_blast --fragments shuffled
  check "rare packets: IPv4 options, IPv6 extension headers" try_blast --fragments ordered --ip-options
  check "rare packets: each direction with a cookie and port of its own" try_blast --fragments shuffled --ip-options --icmp-errors in --asymmetric
  check "rare packets: new cookies and ports all the time" try_blast --fragments shuffled --cookie-churn --churn-ports
  check "rare packets: gwlbtun ends with 0 on SIGTERM and removes its devices" stop_gwlbtun
}

keep() {
  begin create-passthrough.sh || exit
  trap - EXIT INT TERM HUP
  disown -a
  cat <<END

It runs on, with create-passthrough.sh. Play with it:
  ip netns exec $client ping 10.2.0.2
  ip netns exec $client curl -o /dev/null http://10.2.0.2:8000/file
  ip netns exec $client iperf3 -c 10.2.0.2
  ip netns exec $appliance curl http://127.0.0.1:$health_port/
  ip netns exec $appliance tcpdump -ni uplink udp port 6081
  ip -n $appliance link del gwi-1mCyRrMGsrI      # and see it come back
  tail -f $folder/gwlbtun.log $folder/emulator.log
Remove it with ./demo.sh --clean
END
  [ ${#failures[@]} = 0 ]
  exit
}

case ${1:-} in
  "" | --keep) ;;
  --clean)
    need_root
    need_programs ip
    remove_namespaces ""
    rm -rf "${TMPDIR:-/tmp}/$prefix".*
    exit
    ;;
  --help | -h)
    sed -n '2,5s/^# //p' "$0"
    exit
    ;;
  *)
    sed -n '2,5s/^# //p' "$0" >&2
    exit 1
    ;;
esac

need_root
need_tun
need_dotnet_10
need_programs curl ip iperf3 iptables jq ping sysctl tc
command -v python3 >/dev/null || command -v busybox >/dev/null || need_programs python3

echo "==> Build"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet publish src/Gwlbtun.Actors -c Release -v q -o artifacts/gwlbtun &&
  dotnet publish tests/Gwlbtun.Emulator -c Release -v q -o artifacts/emulator || exit 1

SECONDS=0
folder=$(mktemp -d -t $prefix.XXXXXX)
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
make_network || exit 1
mkdir "$folder/www"
head -c 100000000 /dev/urandom >"$folder/www/file"
serve

echo "==> Hairpin (create-passthrough.sh): client → load balancer → gwlbtun → load balancer → server, and back"
begin create-passthrough.sh || exit 1
traffic hairpin 10.2.0.2 fd02::2
finish hairpin

echo "==> NAT (create-nat.sh): client → load balancer → gwlbtun → second leg → server, and back"
begin create-nat.sh || exit 1
traffic NAT 198.51.100.2 2001:db8:51::2
finish NAT

echo "==> Rare packets (create-passthrough.sh): load balancer → gwlbtun → load balancer, each compared byte for byte"
rare_traffic || exit 1

echo
if [ ${#failures[@]} = 0 ]; then
  echo "==> GOOD: everything passed through gwlbtun, in ${SECONDS} s"
  [ "${1:-}" != --keep ] || keep
else
  echo "==> NOT GOOD, in ${SECONDS} s. What failed:"
  printf '  %s\n' "${failures[@]}"
  [ "${1:-}" != --keep ] || keep
  exit 1
fi
