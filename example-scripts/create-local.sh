#!/bin/bash
# Services on this host answer clients of the load balancer: what comes in on gwi for an address of this host is delivered
# to it and the answer returns through gwo; everything else goes straight back out of gwo, routed.
# Give the host the addresses that it shall answer for (ip addr add ADDRESS dev lo).

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

enable_forwarding
disable_rp_filter "$gwi"
mark_endpoint
keep_addresses
answer_from_here
