#!/bin/bash
# Two arms: what comes in on gwi leaves by this host's uplink with the host's own address (NAT), and the replies go back to
# the load balancer through gwo. Endpoints must not have overlapping client addresses: see create-nat-overlapping.sh.
# On EC2 the instance needs its source/destination check off.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

enable_forwarding
disable_rp_filter "$gwi"
mark_endpoint
nat_out_of_uplink
