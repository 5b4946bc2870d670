#!/bin/bash
# Runs a hook as a pod that is not privileged would have it: /proc/sys read-only, the capabilities given and no more; in the caller's network
# namespace, which stands for the node's. The node sets sysctls beforehand from the file given, as systemd-sysctl and systemd-udevd do.
#   pod-network.sh SYSCTLS CAPABILITIES STATE_DIR HOOK
set -euo pipefail
sysctls=$1 capabilities=$2 HOOK_STATE_DIR=$3 hook=$4
export HOOK_STATE_DIR HOOK_UPLINK=uplink

ip link add uplink type veth peer name wire
ip addr add 192.0.2.1/24 dev uplink
for device in gwi-test gwo-test; do ip tuntap add "$device" mode tun; done
# Without addresses that the kernel gives by itself, later: they bring routes.
for device in uplink wire gwi-test gwo-test; do ip link set "$device" addrgenmode none up; done
ip link set lo up

# What distributions set: for all, and for each interface that appears.
echo 2 >/proc/sys/net/ipv4/conf/all/rp_filter
echo 2 >/proc/sys/net/ipv4/conf/gwi-test/rp_filter
# An interface that is not there has no file.
shopt -s nullglob
sed -n 's/^\(net\.[^ ]*\) *= *\([^ ]*\)$/\1 \2/p' "$sysctls" | while read -r key value; do
  for file in /proc/sys/${key//.//}; do echo "$value" >"$file"; done
done

# As a container runtime does.
mount --bind /proc/sys /proc/sys
mount -o remount,ro,bind /proc/sys

state() { ip rule; ip -6 rule; ip route show table all; { iptables-save; ip6tables-save; } | sed 's/^#.*//; s/ \[.*//'; tc qdisc show; }
as_pod() { setpriv --no-new-privs --bounding-set "-all,$capabilities" --inh-caps "-all,$capabilities" "$hook" "$1" gwi-test gwo-test 00123456789abcdef; }

# Once, so that tables and chains that stay behind empty are there before.
as_pod CREATE
as_pod DESTROY
before=$(state)
as_pod CREATE
[ "$(state)" != "$before" ] || { echo "CREATE changed nothing" >&2; exit 1; }
as_pod DESTROY
diff <(echo "$before") <(state)
