#!/bin/bash
# create-nat.sh for endpoints whose clients may have the same addresses, even the same address and port towards the same
# server: each endpoint's connections are tracked in a zone of its own, and leave with ports chosen at random.
# On EC2 the instance needs its source/destination check off.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

enable_forwarding
disable_rp_filter "$gwi"
mark_endpoint
track_apart
nat_out_of_uplink
