#!/bin/bash
# For tunnel.netns = per-endpoint: a leg from the endpoint's network namespace to gwlbtun's own. What comes in on gwi leaves
# over the leg and by this host's uplink with the host's own address (NAT), and the replies go back to the load balancer
# through gwo; IPv4 alone where the uplink has IPv6 switched off. Each endpoint has routes and connection tracking of its
# own, so that clients of several may have the same addresses, and no packet is marked. On EC2 the instance needs its
# source/destination check off.
#
# Settings, beside those of hook-functions.sh:
#   HOOK_LEG_CIDR      IPv4 addresses of the legs, a /30 for each endpoint     (169.254.64.0/18; AWS's own are above it)
#   HOOK_LEG_PREFIX6   the first 48 bits of their IPv6 ones, a /64 for each    (fd67:776c:6274)

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"

[ -n "${GWLBTUN_NETNS:-}" ] || fail "needs a network namespace for each endpoint: set tunnel.netns = per-endpoint"
# shellcheck disable=SC2034 # read by begin_hook: addresses of legs are told apart there
journal_netns=$GWLBTUN_MAIN_NETNS

# Runs a command in gwlbtun's own network namespace. Journals of a gwlbtun that was killed are undone by way of the present one.
outside() { nsenter --net="$GWLBTUN_MAIN_NETNS" "$@"; }

begin_hook "$@"
need_return_traffic

# The addresses of this endpoint's leg: its end in here (near) and the one outside (far).
address_leg() {
  local cidr=${HOOK_LEG_CIDR:-169.254.64.0/18} a b c d
  [ $((4 * number + 3)) -lt $((1 << (32 - ${cidr#*/}))) ] || fail "HOOK_LEG_CIDR=$cidr has no room for endpoint number $number"
  IFS=. read -r a b c d <<<"${cidr%/*}"
  local base=$(((a << 24) + (b << 16) + (c << 8) + d + 4 * number))
  far4=$(dotted $((base + 1))) near4=$(dotted $((base + 2)))
  printf -v far6 '%s:%x::1' "${HOOK_LEG_PREFIX6:-fd67:776c:6274}" "$number"
  near6=${far6%1}2
}

dotted() { echo "$(($1 >> 24)).$(($1 >> 16 & 255)).$(($1 >> 8 & 255)).$(($1 & 255))"; }

# Both ends go with the one in here. Neither has an IPv6 address that it would first have to look for among its neighbours.
lay_leg() {
  local mtu
  mtu=$(ip -o link show dev "$gwi" | sed -n 's/.* mtu \([0-9]*\) .*/\1/p')
  undo_with ip link del leg
  ip link add leg mtu "$mtu" type veth peer name "$peer" mtu "$mtu" netns "$GWLBTUN_MAIN_NETNS"
  ip addr add "$near4/30" dev leg
  outside ip addr add "$far4/30" dev "$peer"
  if has_ipv6; then
    # New interfaces may be made without it.
    local off=/proc/sys/net/ipv6/conf/$peer/disable_ipv6
    [ "$(outside cat "$off")" = 0 ] || outside tee "$off" >/dev/null <<<0
    ip addr add "$near6/64" dev leg nodad
    outside ip addr add "$far6/64" dev "$peer" nodad
  fi
  ip link set leg up
  outside ip link set "$peer" up
}

# What comes in on gwi goes over the leg. All else that is not the leg's own belongs to clients: replies, and errors that this namespace itself sends.
route_through_leg() {
  each_ip ip route add default dev "$gwo"
  add_rule "$table" "$rule_pref" iif "$gwi"
  step_ip 4 ip route add default via "$far4" dev leg table "$table"
  step_ip 6 ip route add default via "$far6" dev leg table "$table"
  each_ip iptables -t nat -A POSTROUTING -o leg -j MASQUERADE
}

# One IP version's rules outside, for the near end's address.
nat_outside() {
  local iptables=$1 near=$2
  step outside "$iptables" -w -t nat -A POSTROUTING -s "$near" -o "$uplink" -j MASQUERADE
  step outside "$iptables" -w -A FORWARD -i "$peer" -o "$uplink" -j ACCEPT
  step outside "$iptables" -w -A FORWARD -i "$uplink" -o "$peer" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
  # Uplink and tunnel rarely have the same MTU: let TCP know the smaller one.
  step outside "$iptables" -w -t mangle -A FORWARD -i "$peer" -o "$uplink" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
}

find_uplink outside
# A new namespace has IPv6 even where the host has it switched off.
[ "$(outside cat "/proc/sys/net/ipv6/conf/$uplink/disable_ipv6" 2>/dev/null)" = 0 ] || ipv4_only=yes
peer=gwl-${gwi#gwi-}

claim_number
address_leg
lay_leg
enable_forwarding
# shellcheck disable=SC2016 # expanded by the inner shell
ipv6_device=$uplink ipv4_only=${ipv4_only:-no} outside bash -c '. "$1" && enable_forwarding' "$0" "$(dirname "$0")/hook-functions.sh"
disable_rp_filter "$gwi"
disable_rp_filter leg
route_through_leg
nat_outside iptables "$near4"
if has_ipv6; then nat_outside ip6tables "$near6"; fi

say "$gwi: in $GWLBTUN_NETNS, NAT over $near4 out of $uplink, replies through $gwo"
