#!/bin/bash
# Plain IP forwarding: what comes in on gwi is routed by this host's own routing tables, and passes the FORWARD chain.
#
# HOOK_ROUTE=host (unless set): replies that this host is to hand back need a route to gwo, which is the host's matter.
# HOOK_ROUTE=clients: routes to the clients' networks behind the endpoint through gwo, in the main table, so that replies find
# their way: two arms without NAT. The networks are those of HOOK_CIDRS, else (asked of AWS) those of the endpoint's VPC, and
# must not overlap.
# HOOK_ROUTE=back: everything goes back to the load balancer, through gwo: one arm, with the FORWARD chain as the place to filter.
# Each endpoint gets a routing table of its own.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"

enable_forwarding
disable_rp_filter "$gwi"

case ${HOOK_ROUTE:-host} in
  host)
    say "$gwi: routed by this host"
    ;;
  clients)
    need_return_traffic
    need_networks
    each_network ip route add dev "$gwo" to
    say "$gwi: routed by this host, ${networks[*]} through $gwo"
    ;;
  back)
    need_return_traffic
    route_back
    say "$gwi: routed back through $gwo"
    ;;
  *) fail "HOOK_ROUTE is '$HOOK_ROUTE', expected host, clients or back" ;;
esac
