# shellcheck shell=bash
# Sourced by the scripts of the top folder: makes sure that the programs they call are there.

# The package that brings a program, for apt-get and for dnf.
package_of() {
  local program=$1 apt dnf
  case $program in
    cc) apt="gcc libc6-dev" dnf=gcc ;;
    curl) apt=curl dnf=curl-minimal ;;
    dotnet) apt=dotnet-sdk-10.0 dnf=dotnet-sdk-10.0 ;;
    ip) apt=iproute2 dnf=iproute ;;
    iptables) apt=iptables dnf=iptables-nft ;;
    kubectl) apt=kubernetes-client dnf=kubernetes-client ;;
    nft) apt=nftables dnf=nftables ;;
    ping) apt=iputils-ping dnf=iputils ;;
    pgrep | ps | sysctl) apt=procps dnf=procps-ng ;;
    nsenter | setpriv | unshare) apt=util-linux dnf=util-linux ;;
    sha256sum) apt=coreutils dnf=coreutils ;;
    shellcheck) apt=shellcheck dnf=ShellCheck ;;
    systemctl) apt=systemd dnf=systemd ;;
    tc) apt=iproute2 dnf=iproute-tc ;;
    tracepath) apt=iputils-tracepath dnf=iputils ;;
    tshark) apt=tshark dnf=wireshark-cli ;;
    *) apt=$program dnf=$program ;;
  esac
  if command -v apt-get >/dev/null; then echo "$apt"; else echo "$dnf"; fi
}

missing_of() {
  local program
  for program in "$@"; do command -v "$program" >/dev/null || echo "$program"; done
}

# need_programs PROGRAM...  installs what is missing, or says exactly what is and ends the script.
need_programs() {
  local missing packages program
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} = 0 ] && return
  mapfile -t packages < <(for program in "${missing[@]}"; do package_of "$program" | tr ' ' '\n'; done | sort -u)
  echo "==> Installing ${packages[*]}"
  if command -v apt-get >/dev/null; then
    apt-get update -q >/dev/null || true
    for program in "${packages[@]}"; do
      DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$program" >/dev/null || true
    done
  elif command -v dnf >/dev/null; then
    for program in "${packages[@]}"; do dnf install -q -y "$program" >/dev/null || true; done
  fi
  mapfile -t missing < <(missing_of "$@")
  [ ${#missing[@]} = 0 ] && return
  {
    echo "Missing, and not to be had from this machine's packages:"
    for program in "${missing[@]}"; do
      case $program in
        dotnet) echo "  dotnet: the .NET SDK 10.0 (https://dotnet.microsoft.com/download/dotnet/10.0, or dotnet-install.sh --channel 10.0)" ;;
        *) echo "  $program (package $(package_of "$program"))" ;;
      esac
    done
  } >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] && return
  echo "${0##*/} makes network namespaces and TUN devices: run it as root (sudo $0)." >&2
  exit 1
}

# An SDK that global.json does not accept fails with a page of text: say it in a line.
need_dotnet_10() {
  need_programs dotnet
  dotnet --version >/dev/null 2>&1 && return
  echo "The .NET SDK $(sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' global.json) or newer is needed; here are: $(dotnet --list-sdks | cut -d ' ' -f 1 | tr '\n' ' ')" >&2
  exit 1
}

# kubectl builds what k8s/ is written in since 1.21; some distributions' packages are older, and nothing else here needs it.
want_kubectl_1_21() {
  local version
  (need_programs kubectl) >/dev/null 2>&1
  version=$(kubectl version --client -o json 2>/dev/null | sed -n 's/.*"gitVersion": *"v\([0-9]*\.[0-9]*\).*/\1/p' | head -n 1)
  [ "$(printf '%s\n' 1.21 "$version" | sort -V | head -n 1)" = 1.21 ] && return
  echo "The tests of the overlays in k8s/ will fail: they need kubectl 1.21 or newer, here is ${version:-none}." \
    "To be had from https://kubernetes.io/docs/tasks/tools/install-kubectl-linux." >&2
}

need_tun() {
  [ -c /dev/net/tun ] && return
  modprobe tun 2>/dev/null || true
  [ -c /dev/net/tun ] && return
  echo "/dev/net/tun is missing: load the module (modprobe tun), or pass the device into this container." >&2
  exit 1
}
