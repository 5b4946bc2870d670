#!/bin/bash
# Plain IP forwarding: what comes in on gwi is routed by this host's own routing tables, and passes the FORWARD chain.
# Replies that this host is to hand back need a route to gwo.
#
# HOOK_ROUTE=back sends everything back to the load balancer instead, through gwo: one arm, with the FORWARD chain as
# the place to filter. Each endpoint gets a routing table of its own.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"

enable_forwarding
disable_rp_filter "$gwi"

if [ "${HOOK_ROUTE:-host}" = back ]; then
  need_return_traffic
  claim_number
  each_ip ip route add default dev "$gwo" table "$table"
  each_ip ip rule add iif "$gwi" lookup "$table" pref "$rule_pref"
  say "$gwi: routed back through $gwo"
else
  say "$gwi: routed by this host"
fi
