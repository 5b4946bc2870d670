#!/bin/bash
# A tap for an IDS, with gwlbtun --no-return: this host shows what comes in on gwi, and then drops it. It forwards nothing and
# answers nothing, not even what is addressed to itself. An IDS may listen on gwi; its packets begin with the IP header.
#
# HOOK_MIRROR_TO: an interface that gets all of it, of all endpoints: an IDS that listens on one interface need not know of
# endpoints, and may be elsewhere. On an Ethernet interface (veth, dummy, a network card) the frames go to a multicast address, so
# that no host takes them for its own, and the TTL is one lower: nftables forwards them. Give it the MTU of gwi.
# It has to be there before the endpoint is; one that is made anew gets nothing until gwlbtun is started anew.
# It sees packets merged, up to 64 KB long, unless tunnel.offload.into-tcp and into-udp are off.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
[ "$gwo" = none ] || fail "would swallow what is to be returned: run gwlbtun with --no-return"

# Where listeners have seen the packet already, and the IP stack has not.
add_nft_table netdev <<CHAINS
  chain tap {
    type filter hook ingress device "$gwi" priority 0; policy drop;
  }
CHAINS

# What was done stays when this fails: packets of a tap must not be forwarded or answered because nobody sees them.
show() {
  nft add rule netdev "gwlbtun-$eni" tap "$@" && return
  trap - EXIT
  fail "$gwi: dropped, but not shown on $HOOK_MIRROR_TO"
}

if [ -z "${HOOK_MIRROR_TO:-}" ]; then
  :
elif [[ $(ip -o link show dev "$HOOK_MIRROR_TO" 2>/dev/null) == *link/ether* ]]; then
  show meta protocol ip fwd ip to 224.0.0.1 device "\"$HOOK_MIRROR_TO\""
  show meta protocol ip6 fwd ip6 to ff02::1 device "\"$HOOK_MIRROR_TO\""
else
  show fwd to "\"$HOOK_MIRROR_TO\""
fi

say "$gwi: shown${HOOK_MIRROR_TO:+ on $HOOK_MIRROR_TO} and dropped"
