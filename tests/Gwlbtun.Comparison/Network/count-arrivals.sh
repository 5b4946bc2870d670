#!/usr/bin/env bash
# Hook of the no-return case: counts what comes out of gwi. An ingress queueing discipline counts segments, where a device counts
# super-packets; without a filter it counts nothing.
#   HOOK CREATE|DESTROY gwi-X gwo-X ENI
[ "$1" = CREATE ] || exit 0
tc qdisc add dev "$2" handle ffff: ingress && tc filter add dev "$2" parent ffff: protocol all prio 1 u32 match u32 0 0 flowid 1:1
