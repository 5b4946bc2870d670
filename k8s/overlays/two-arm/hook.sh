#!/bin/bash
# Two arms: packets leave by the node's uplink with the node's address (NAT), and the replies go back to the load balancer.
# The node needs the sysctls of k8s/node/99-gwlbtun.conf.
exec /gwlbtun/create-nat.sh "$@"
