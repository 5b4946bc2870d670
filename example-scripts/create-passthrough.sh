#!/bin/bash
# One arm, a bump in the wire: what comes in on gwi goes straight back out of gwo, untouched, below the IP stack (no TTL
# decrement, no iptables, no routing). Whatever watches gwi (tcpdump, an IDS) still sees every packet.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

step tc qdisc add dev "$gwi" handle ffff: ingress
# u32 rather than matchall: every kernel with tc actions has it.
step tc filter add dev "$gwi" parent ffff: protocol all prio 1 u32 match u32 0 0 action mirred egress redirect dev "$gwo"

say "$gwi: returned through $gwo"
