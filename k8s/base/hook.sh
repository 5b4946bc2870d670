#!/bin/bash
# One arm, a bump in the wire: every packet goes straight back to the load balancer, untouched. No sysctl is needed.
exec /gwlbtun/create-passthrough.sh "$@"
