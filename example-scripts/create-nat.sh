#!/bin/bash
# Two arms: what comes in on gwi leaves by this host's uplink with the host's own address (NAT), and the replies go back to
# the load balancer through gwo. Endpoints must not have overlapping client addresses.
# On EC2 the instance needs its source/destination check off.
#
# HOOK_UPLINK      the interface to leave by          (that of the default route)
# HOOK_MARK_SHIFT  the 12 bits of the packet mark that tell endpoints apart start here (16, so 0x0fff0000)

# shellcheck source=example-scripts/hook-functions.sh
. "$(dirname "$0")/hook-functions.sh"
begin_hook "$@"

[ "$gwo" != none ] || fail "needs return traffic: gwlbtun runs with --no-return"

uplink=${HOOK_UPLINK:-$(ip -o route show default | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)}
[ -n "$uplink" ] || fail "no default route to take the uplink from: set HOOK_UPLINK"

claim_number
shift_by=${HOOK_MARK_SHIFT:-16}
mask=$(printf '0x%x' $((most_endpoints << shift_by)))
mark=$(printf '0x%x/%s' $((number << shift_by)) "$mask")

enable_forwarding
disable_rp_filter "$gwi"
# Errors that this host sends about a client's packet (fragmentation needed, above all) inherit its mark, and so find gwo.
set_sysctl ipv4/fwmark_reflect 1
if has_ipv6; then set_sysctl ipv6/fwmark_reflect 1; fi

# The connection remembers which endpoint it came from; its replies are routed by that.
each_ip iptables -t mangle -A PREROUTING -i "$gwi" -j MARK --set-xmark "$mark"
each_ip iptables -t mangle -A PREROUTING -i "$gwi" -j CONNMARK --save-mark --nfmask "$mask" --ctmask "$mask"
each_ip iptables -t mangle -A PREROUTING -i "$uplink" -m connmark --mark "$mark" -j MARK --set-xmark "$mark"
each_ip ip route add default dev "$gwo" table "$table"
each_ip ip rule add iif "$gwi" lookup main pref "$rule_pref"
each_ip ip rule add fwmark "$mark" lookup "$table" pref $((rule_pref + 1))

each_ip iptables -t nat -A POSTROUTING -o "$uplink" -m mark --mark "$mark" -j MASQUERADE
each_ip iptables -A FORWARD -i "$gwi" -o "$uplink" -j ACCEPT
each_ip iptables -A FORWARD -i "$uplink" -o "$gwo" -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
# Uplink and tunnel rarely have the same MTU: let TCP know the smaller one.
each_ip iptables -t mangle -A FORWARD -i "$gwi" -o "$uplink" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu
each_ip iptables -t mangle -A FORWARD -i "$uplink" -o "$gwo" -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu

say "$gwi: NAT out of $uplink, replies through $gwo"
