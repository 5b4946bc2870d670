#!/bin/sh
# The image's HEALTHCHECK: ends with 0 when gwlbtun says that it is healthy. Asks at the port that the container's command line
# names, else at that of the environment. A port that only a configuration file names must stand in GWLBTUN_HEALTH_PORT too.
port=$(tr '\0' '\n' </proc/1/cmdline | sed -n -e '/^\(-p\|--port\)$/{n;p;}' -e 's/^\(-p\|--port=\)\([0-9]\)/\2/p' | tail -n 1)
port=${port:-${GWLBTUN_HEALTH_PORT:-8060}}
# Health is switched off: what runs is all that can be known.
[ "$port" != 0 ] || exit 0
exec curl -fsS -o /dev/null --max-time 2 "http://127.0.0.1:$port/"
