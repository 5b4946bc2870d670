#!/bin/bash
# Endpoints with overlapping IPv4 addresses, all ways at once: what is addressed to this host is answered by its own
# services, the rest leaves by the uplink with this host's address (NAT); both ways the answers return to their endpoint.
# On EC2 the instance needs its source/destination check off.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
# shellcheck disable=SC2034 # read by has_ipv6
ipv4_only=yes
begin_hook "$@"
need_return_traffic

enable_forwarding
disable_rp_filter "$gwi"
mark_endpoint
track_apart
nat_out_of_uplink
answer_from_here
