# shellcheck shell=bash
# shellcheck disable=SC2034 # the hooks that source this use the variables
# What the example hooks have in common. They source it, so keep it beside them.
#
# gwlbtun calls a hook as  HOOK CREATE|DESTROY gwi-X gwo-X ENI.  Whatever a hook changes goes through `step`, which first writes
# the command that takes the change back into a journal of this endpoint. DESTROY runs the journal backwards. So does CREATE before
# it begins (a tunnel that was rebuilt, a hook called twice), and a CREATE that fails half-way: exactly what was done is undone, and
# nothing of anybody else's.
#
# Settings, from the environment (gwlbtun passes its own on):
#   HOOK_STATE_DIR    where the journals are kept                        (/run/gwlbtun)
#   HOOK_TABLE_BASE   routing tables are this plus the endpoint's number (700000)
#   HOOK_RULE_PREF    preference of the ip rules                         (9000)
#   HOOK_MARK_SHIFT   the 12 bits of the packet mark that tell endpoints apart start here (16, so 0x0fff0000)
#   HOOK_UPLINK       the interface that NAT leaves by                   (that of the default route)
#   HOOK_CIDRS        the clients' networks behind every endpoint, separated by blanks or commas; HOOK_CIDRS_ENI, with the
#                     17 digits that the hook gets, those behind one of them (the hooks that use it say what for)

set -euo pipefail

state_dir=${HOOK_STATE_DIR:-/run/gwlbtun}
table_base=${HOOK_TABLE_BASE:-700000}
rule_pref=${HOOK_RULE_PREF:-9000}
most_endpoints=4095

say() { echo "${0##*/}: $*"; }
fail() { say "$*" >&2; exit 1; }

# Reads the hook's arguments into action, gwi, gwo and eni; does the whole of DESTROY, and leaves a clean slate to CREATE.
begin_hook() {
  [ $# -ge 4 ] || fail "called as '$0 $*', expected: CREATE|DESTROY gwi-X gwo-X ENI"
  action=$1 gwi=$2 gwo=$3 eni=$4
  # Network namespaces share /run, but neither rules nor routing tables. A hook that changes several keeps its journal with the one in `journal_netns`.
  state_dir+=/net-$(stat -Lc %i "${journal_netns:-/proc/self/ns/net}")
  journal=$state_dir/$eni.undo
  case $action in
    CREATE)
      (umask 077 && mkdir -p "$state_dir") || fail "cannot write to $state_dir: set HOOK_STATE_DIR"
      undo
      # One that takes too long is ended, and has failed as well.
      trap 'exit 143' TERM
      trap 'exit 130' INT
      trap undo_if_failed EXIT
      ;;
    DESTROY)
      undo
      # With a namespace for each endpoint the folder was this endpoint's alone.
      if [ -n "${GWLBTUN_NETNS:-}" ] && [ -z "${journal_netns:-}" ]; then rmdir "$state_dir" 2>/dev/null || true; fi
      say "$gwi: undone"
      exit 0
      ;;
    *) fail "first argument is '$action', expected CREATE or DESTROY" ;;
  esac
}

# Has DESTROY run a command, before those that were noted earlier.
undo_with() {
  printf '%q ' "$@" >>"$journal"
  echo >>"$journal"
}

# Runs a command that adds something (add, -A, -I) after noting the command that deletes it.
step() {
  local word inverse=()
  for word in "$@"; do
    case $word in add) word=del ;; -A | -I) word=-D ;; esac
    inverse+=("$word")
  done
  undo_with "${inverse[@]}"
  "$@"
}

# The same for IP version 4 or 6, if this host speaks it: `step_ip 6 ip rule ...`, `step_ip 6 iptables ...`.
step_ip() {
  local version=$1 command=$2
  shift 2
  [ "$version" = 4 ] || has_ipv6 || return 0
  case $command-$version in
    ip-*) step ip "-$version" "$@" ;;
    iptables-4) step iptables -w "$@" ;;
    iptables-6) step ip6tables -w "$@" ;;
  esac
}

# The same for each IP version.
each_ip() {
  step_ip 4 "$@"
  step_ip 6 "$@"
}

# The same for each of `networks`, which becomes the last word: `each_network iptables ... -s`.
each_network() {
  local network
  for network in "${networks[@]}"; do
    step_ip "$(ip_version "$network")" "$@" "$network"
  done
}

ip_version() { case $1 in *:*) echo 6 ;; *) echo 4 ;; esac; }

undo() {
  [ -e "$journal" ] || return 0
  local steps index
  mapfile -t steps <"$journal"
  for ((index = ${#steps[@]} - 1; index >= 0; index--)); do
    # What a vanished device took along with it cannot be deleted again, and need not be.
    eval "${steps[index]}" >/dev/null 2>&1 || true
  done
  rm -f "$journal"
}

undo_if_failed() {
  local code=$?
  [ $code = 0 ] && return
  say "$gwi: failed, undoing what was done" >&2
  undo
  exit $code
}

# Adds a rule for what `selectors` say, in place of one that was left behind with a lost journal: `add_rule TABLE PREFERENCE SELECTORS`.
add_rule() {
  local lookup=$1 pref=$2 version
  shift 2
  for version in 4 6; do
    [ $version = 4 ] || has_ipv6 || continue
    while ip -$version rule del pref "$pref" "$@" 2>/dev/null; do :; done
    step ip -$version rule add "$@" lookup "$lookup" pref "$pref"
  done
}

# Takes a number that no other endpoint of this network namespace has, into `number`, and the routing table that goes with it, into `table`.
claim_number() {
  for ((number = 1; number <= most_endpoints; number++)); do
    table=$((table_base + number))
    # Somebody else's table.
    if { ip -4 route show table $table || true; ip -6 route show table $table || true; } 2>/dev/null | grep -qv " dev $gwo "; then continue; fi
    if (set -o noclobber && echo "$eni" >"$state_dir/number-$number") 2>/dev/null; then
      undo_with rm -f "$state_dir/number-$number"
      # What this endpoint has left behind, if its journal was lost.
      ip -4 route flush table $table 2>/dev/null || true
      ip -6 route flush table $table 2>/dev/null || true
      return
    fi
  done
  fail "$most_endpoints endpoints have a number already: is $state_dir full of stale ones?"
}

# Reads the clients' networks behind this endpoint from the environment into `networks`; none when it does not tell.
read_networks() {
  local of_this_endpoint=HOOK_CIDRS_$eni
  split_networks "${!of_this_endpoint-${HOOK_CIDRS-}}"
}

split_networks() { read -rd '' -ra networks <<<"${1//,/ }" || true; }

# The same for a hook that cannot do without: what the environment does not tell, AWS does, of the VPC that the endpoint is in.
need_networks() {
  read_networks
  [ ${#networks[@]} = 0 ] || return 0
  command -v aws >/dev/null || fail "the networks behind vpce-$eni are not known: set HOOK_CIDRS, or install aws"
  local vpc answer
  vpc=$(ask_aws describe-vpc-endpoints --vpc-endpoint-ids "vpce-$eni" --query 'VpcEndpoints[].VpcId')
  answer=$(ask_aws describe-vpcs --vpc-ids "$vpc" --query "Vpcs[].[
    CidrBlockAssociationSet[?CidrBlockState.State=='associated'].CidrBlock,
    Ipv6CidrBlockAssociationSet[?Ipv6CidrBlockState.State=='associated'].Ipv6CidrBlock][][]")
  split_networks "$answer"
  [ ${#networks[@]} != 0 ] || fail "AWS knows no networks of $vpc, where vpce-$eni is: set HOOK_CIDRS"
}

# Needs ec2:DescribeVpcEndpoints and ec2:DescribeVpcs; an endpoint in another account's VPC cannot be asked about.
ask_aws() {
  AWS_MAX_ATTEMPTS=2 aws --cli-connect-timeout 3 --cli-read-timeout 5 --output text ec2 "$@" ||
    fail "AWS does not tell the networks behind vpce-$eni: set HOOK_CIDRS"
}

# Whether IPv6 is this host's, and not switched off for gwi, and this hook's: one for IPv4 alone sets ipv4_only=yes. Where there is no gwi,
# ipv6_device names another.
has_ipv6() { [ "${ipv4_only:-no}" = no ] && [ "$(cat "/proc/sys/net/ipv6/conf/${ipv6_device:-$gwi}/disable_ipv6" 2>/dev/null)" = 0 ]; }

need_return_traffic() { [ "$gwo" != none ] || fail "needs return traffic, but gwlbtun runs with --no-return"; }

# Sets a sysctl unless it is so already: in a container /proc/sys is often read-only, and rightly set by the host.
set_sysctl() {
  local file=/proc/sys/net/$1 value=$2
  [ "$(cat "$file")" = "$value" ] && return
  echo "$value" >"$file" || fail "cannot set $file to $value: set it on the host, or make /proc/sys writable here"
}

# Global switches stay as they are after DESTROY: other endpoints and other software count on them by then.
enable_forwarding() {
  set_sysctl ipv4/ip_forward 1
  has_ipv6 || return 0
  # A forwarding host ignores router advertisements, and loses the IPv6 default route that it has from one, unless accept_ra is 2. One
  # that has just started may have none yet: then it will come from where the IPv4 one leads. A host that forwards already has had its choice.
  local device file
  for device in $({
    ip -6 -o route show default proto ra
    [ "$(cat /proc/sys/net/ipv6/conf/all/forwarding)" = 1 ] || ip -4 -o route show default
  } | devices_of_routes | sort -u); do
    file=/proc/sys/net/ipv6/conf/$device/accept_ra
    if [ "$(cat "$file" 2>/dev/null)" = 1 ]; then echo 2 >"$file" || say "cannot set $file to 2" >&2; fi
  done
  set_sysctl ipv6/conf/all/forwarding 1
}

# Lets packets in whose source has no route back through this device: the clients are behind the load balancer.
# The kernel takes the stricter of `all` and the device, so a strict `all` is handed down to every other device first.
disable_rp_filter() {
  local device=$1 all file try
  all=$(cat /proc/sys/net/ipv4/conf/all/rp_filter)
  if [ "$all" != 0 ]; then
    for file in /proc/sys/net/ipv4/conf/*/rp_filter; do
      case $file in */gwi-* | */gwo-*) continue ;; esac
      if [ "$(cat "$file")" -lt "$all" ]; then echo "$all" >"$file" || true; fi
    done
    set_sysctl ipv4/conf/all/rp_filter 0
  fi
  file=/proc/sys/net/ipv4/conf/$device/rp_filter
  # Where this hook may not set it, udevd does, some time after the device has appeared.
  for try in {1..20}; do
    if [ "$(cat "$file")" = 0 ] || [ -w "$file" ]; then break; fi
    sleep 0.1
  done
  set_sysctl "ipv4/conf/$device/rp_filter" 0
}

# Makes an nftables table of this endpoint's own, gwlbtun-ENI, with the chains on standard input, in place of one left behind.
add_nft_table() {
  local family=$1 name=gwlbtun-$eni
  undo_with nft delete table "$family" "$name"
  { echo "add table $family $name; delete table $family $name; table $family $name {" && cat && echo "}"; } | nft -f -
}

# What goes back to the load balancer has to keep its addresses, whatever others translate that this host forwards: on a node of EKS
# the Amazon VPC CNI does so with all that leaves the VPC. This alone does not make Linux track connections.
keep_addresses() { each_ip iptables -t nat -I POSTROUTING -o "$gwo" -j ACCEPT; }

# Routes what comes in on gwi straight back out of gwo, by way of the FORWARD chain.
route_back() {
  claim_number
  each_ip ip route add default dev "$gwo" table "$table"
  add_rule "$table" "$rule_pref" iif "$gwi"
  keep_addresses
}

# From here on for hooks whose replies find the way back to their endpoint by a mark that the connection remembers.

# Takes a number and a mark of this endpoint's own, and routes what bears the mark out of gwo.
claim_mark() {
  claim_number
  local shift_by=${HOOK_MARK_SHIFT:-16}
  [[ $shift_by =~ ^(1?[0-9]|20)$ ]] || fail "HOOK_MARK_SHIFT is '$shift_by', expected 0 to 20"
  mask=$(printf '0x%x' $((most_endpoints << shift_by)))
  mark=$(printf '0x%x' $((number << shift_by)))
  # Errors that this host sends about a client's packet (fragmentation needed, above all) inherit its mark, and so find gwo.
  set_sysctl ipv4/fwmark_reflect 1
  if has_ipv6; then set_sysctl ipv6/fwmark_reflect 1; fi
  each_ip ip route add default dev "$gwo" table "$table"
  add_rule "$table" $((rule_pref + 1)) fwmark "$mark/$mask"
}

# Claims a mark, puts it on what comes in on gwi, and keeps it in the packet's connection, for the replies.
mark_endpoint() {
  claim_mark
  each_ip iptables -t mangle -A PREROUTING -i "$gwi" -j MARK --set-xmark "$mark/$mask"
  each_ip iptables -t mangle -A PREROUTING -i "$gwi" -j CONNMARK --save-mark --nfmask "$mask" --ctmask "$mask"
}

# Finds the interface that NAT leaves by, into `uplink`. `find_uplink COMMAND` does so where COMMAND runs others.
# shellcheck disable=SC2120
find_uplink() {
  uplink=${HOOK_UPLINK:-$("$@" ip -o route show default | devices_of_routes | head -n 1)}
  [ -n "$uplink" ] || fail "no default route to take the uplink from: set HOOK_UPLINK"
}

# All of a route with several next hops.
devices_of_routes() { grep -o ' dev [^ ]*' | cut -d ' ' -f 3 || true; }

# Routes what comes in on gwi by this host's own tables.
route_out_of_uplink() {
  # shellcheck disable=SC2119
  find_uplink
  add_rule main "$rule_pref" iif "$gwi"
}

# How NAT chooses the port that a connection leaves with: the client's own one if that is free.
port_choice=()

# Lets what comes in on gwi leave by the uplink with this host's address, and the replies come back to gwo. With HOOK_CIDRS it
# serves those networks alone.
nat_out_of_uplink() {
  route_out_of_uplink
  read_networks
  each_ip iptables -t mangle -A PREROUTING -i "$uplink" -m connmark --mark "$mark/$mask" -j MARK --set-xmark "$mark/$mask"
  each_ip iptables -t nat -A POSTROUTING -o "$uplink" -m mark --mark "$mark/$mask" -j MASQUERADE "${port_choice[@]}"
  # Uplink and tunnel rarely have the same MTU: let TCP know the smaller one.
  each_ip iptables -t mangle -A FORWARD -i "$gwi" -o "$uplink" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
  each_ip iptables -t mangle -A FORWARD -i "$uplink" -o "$gwo" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
  each_ip iptables -A FORWARD -i "$uplink" -o "$gwo" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  if [ ${#networks[@]} = 0 ]; then
    each_ip iptables -A FORWARD -i "$gwi" -o "$uplink" -j ACCEPT
  else
    each_network iptables -A FORWARD -i "$gwi" -o "$uplink" -j ACCEPT -s
    each_ip iptables -A FORWARD -i "$gwi" -o "$uplink" -j DROP
  fi
  say "$gwi: NAT out of $uplink, replies through $gwo"
}

# Tells connections of this endpoint from those of another with the same addresses and ports. The zone is that of the
# original direction alone: replies meet the one address of the uplink, where NAT keeps the ports apart. Linux chooses a port
# first and takes it later (nf_conntrack_confirm): of two connections that begin with the same ports at the same moment on two
# CPUs, both would leave with the client's port, and the later one's first packet is dropped (insert_failed in `conntrack -S`).
# So the ports are chosen at random here.
track_apart() {
  each_ip iptables -t raw -A PREROUTING -i "$gwi" -j CT --zone-orig "$number"
  port_choice=(--random-fully)
}

# Sends what services on this host answer to clients of this endpoint back through gwo. An accepted TCP connection takes the
# mark of its first packet; other answers are routed anew in OUTPUT, and need any route to the client (the default one) until there.
answer_from_here() {
  set_sysctl ipv4/tcp_fwmark_accept 1
  each_ip iptables -t mangle -A OUTPUT -m connmark --mark "$mark/$mask" -j MARK --set-xmark "$mark/$mask"
  say "$gwi: services on this host answer through $gwo"
}
