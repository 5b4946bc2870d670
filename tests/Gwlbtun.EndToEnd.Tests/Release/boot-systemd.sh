#!/usr/bin/env bash
# Boots systemd with next to no units, as the first process of namespaces of its own, in the network namespace that this is started in (by `ip netns exec`,
# which also gives it a /sys of its own): on this machine's files, but with an /etc, an /opt and a /run of its own. Prints "booted PID", and ends when
# systemd does.
set -euo pipefail
cgroups=/sys/fs/cgroup

inside() {
  umount $cgroups
  mount -t cgroup2 cgroup2 $cgroups
  mount -t tmpfs tmpfs /run
  mkdir /run/etc /run/units
  cp -a /etc/. /run/etc
  rm -rf /run/etc/systemd
  mkdir -p /run/etc/systemd/system
  mount --bind /run/etc /etc
  mount -t tmpfs tmpfs /opt
  # What every unit depends on without saying so, and nothing that would look at hardware.
  cp /lib/systemd/system/{basic,multi-user,network-online,shutdown,sysinit}.target /run/units
  mount --bind /run/units /lib/systemd/system
  exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test /lib/systemd/systemd --system --unit=basic.target --log-target=null --show-status=no
}

outside() {
  mount -t cgroup2 cgroup2 $cgroups
  group=$cgroups/gwe2e-$$
  mkdir "$group"
  trap clean_up EXIT
  (
    echo $BASHPID >"$group/cgroup.procs"
    exec unshare --cgroup --ipc --mount --pid --uts --fork --kill-child --mount-proc "$0" inside
  ) &
  unshare=$!
  until systemd=$(pgrep -P $unshare) && [ -S "/proc/$systemd/root/run/systemd/private" ]; do
    kill -0 $unshare
    sleep 0.02
  done
  echo "booted $systemd"
  wait $unshare || true
}

# shellcheck disable=SC2317 # a trap calls it
clean_up() {
  # The first process of a PID namespace takes all others with it.
  kill -KILL "$systemd" 2>/dev/null || true
  wait "$unshare" || true
  find "$group" -depth -type d -exec rmdir {} +
}

"${1:-outside}"
