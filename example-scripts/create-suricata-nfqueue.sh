#!/bin/bash
# Inline inspection: what comes in on gwi goes straight back out of gwo, routed, and on its way Suricata decides on each packet
# (or any other program that reads an NFQUEUE). With nobody to decide, everything passes: the queue is bypassed while no program
# reads it. That a full queue lets packets pass, too, is for the program to ask for (fail-open):
#
#   suricata -c /etc/suricata/suricata.yaml -q 0 --set nfq.mode=accept --set nfq.fail-open=yes
#
# HOOK_QUEUE: the number of the queue (0), or a range such as 0:3, over which pairs of addresses are spread: `suricata -q 0:3`. Both
# directions of a connection meet in one queue.
# All endpoints share the queues, and an inspector tells connections apart by their addresses: they must not overlap.
# A verdict is final for the mangle table's FORWARD chain; the filter table's comes after it.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

case ${HOOK_QUEUE:=0} in
  *:*) queue=(--queue-balance "$HOOK_QUEUE") ;;
  *) queue=(--queue-num "$HOOK_QUEUE") ;;
esac

enable_forwarding
disable_rp_filter "$gwi"
route_back
each_ip iptables -t mangle -A FORWARD -i "$gwi" -o "$gwo" -j NFQUEUE "${queue[@]}" --queue-bypass

say "$gwi: returned through $gwo by way of queue $HOOK_QUEUE"
