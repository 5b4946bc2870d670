#!/bin/bash
# One arm, routed: every packet passes the node's FORWARD chain, the place to filter, and goes back to the load balancer.
# The node needs the sysctls of k8s/node/99-gwlbtun.conf.
export HOOK_ROUTE=back
exec /gwlbtun/create-route.sh "$@"
