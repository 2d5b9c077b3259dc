#!/bin/sh
# Installs what building and testing need beside Rust, on Debian; says so where it cannot. `deps.sh browser`: chromium, too.
set -eu

need=''
have() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
have cc || need="$need gcc libc6-dev"
have ip || need="$need iproute2"
have nft || need="$need nftables"
have iptables-nft || need="$need iptables"
have ipset || need="$need ipset"
have conntrack || need="$need conntrack"
have sysctl || need="$need procps"
have python3 || need="$need python3"
if [ "${1:-}" = browser ]; then
    have chromium || need="$need chromium"
fi
[ -z "$need" ] && exit 0

if [ "$(id -u)" != 0 ] || ! have apt-get; then
    echo "please install:$need" >&2
    exit 1
fi
echo "installing:$need"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
# shellcheck disable=SC2086 # a list of packages
apt-get install -y -qq --no-install-recommends $need >/dev/null
