#!/bin/bash
# create-nat-overlapping.sh by nftables alone: out by this host's uplink with its address, replies back through gwo, for endpoints
# whose clients may have the same addresses. All rules of an endpoint are in a table of its own, gwlbtun-ENI, and go with it.
# An accept in one table does not overrule a drop in another: a host that drops what it forwards has to let these connections pass.
# HOOK_CIDRS: if given, these networks of clients are served, and no others.
# On EC2 the instance needs its source/destination check off.

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"
need_return_traffic

enable_forwarding
disable_rp_filter "$gwi"
claim_mark
route_out_of_uplink

# Bits of the mark that are not ours stay as they are.
others=$(printf '0x%x' $((0xffffffff ^ mask)))
set_mark="and $others or $mark"

read_networks
if [ ${#networks[@]} = 0 ]; then
  served=
else
  for network in "${networks[@]}"; do
    family=$(ip_version "$network")
    served+="iifname \"$gwi\" oifname \"$uplink\" ip${family#4} saddr $network accept;"
  done
  served+="iifname \"$gwi\" oifname \"$uplink\" drop;"
fi

# What each part is for: track_apart, mark_endpoint and nat_out_of_uplink in hook-functions.sh do the same with iptables.
add_nft_table inet <<CHAINS
  chain zones {
    type filter hook prerouting priority raw;
    iifname "$gwi" ct original zone set $number
  }
  chain marking {
    type filter hook prerouting priority mangle;
    iifname "$gwi" meta mark set meta mark $set_mark ct mark set ct mark $set_mark
    iifname "$uplink" ct mark and $mask == $mark meta mark set meta mark $set_mark
  }
  chain forwarding {
    type filter hook forward priority filter;
    iifname "$gwi" oifname "$uplink" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
    iifname "$uplink" oifname "$gwo" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
    $served
  }
  chain translation {
    type nat hook postrouting priority srcnat;
    oifname "$uplink" meta mark and $mask == $mark masquerade fully-random
  }
CHAINS
say "$gwi: NAT out of $uplink, replies through $gwo"
