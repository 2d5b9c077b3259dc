#!/bin/sh
# The demo: a cluster out of network namespaces, three things broken one after the other, each named, mended by the
# command that the diagnosis prints, and shown to work again; then a Service whose rules are mended by their proxy. Needs root. `make demo` builds and runs it.
#
#   scripts/demo.sh [PLUMB]      PLUMB: the program; target/release/plumb otherwise
set -eu

here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
plumb=${1:-$here/target/release/plumb}
lab=plumb-demo-$$

if [ "$(id -u)" != 0 ]; then
    echo "The demo makes network namespaces: run it as root." >&2
    exit 2
fi
if [ ! -x "$plumb" ]; then
    echo "There is no program $plumb: build it with \`cargo build --release\`, or name another." >&2
    exit 2
fi
# Another lab may have pods of the same names: clients are named by their namespaces, which bear the lab's name.
# Remedies call `plumb` by its name.
PATH=$(CDPATH= cd -- "$(dirname -- "$plumb")" && pwd):$PATH
export PATH

# The texts below are cut by their English words.
LC_ALL=C.UTF-8
export LC_ALL

if [ -t 1 ]; then
    color=always
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') plain=$(printf '\033[0m')
else
    color=never
    bold='' dim='' plain=''
fi

say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }

finish() {
    status=$?
    trap - EXIT INT TERM HUP
    plumb lab down "$lab" >/dev/null 2>&1 || true
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
    echo "demo: $*" >&2
    exit 1
}

# probe EXPECTED FROM TO [FLAG…]: a real connection; EXPECTED is `works` or `fails`.
probe() {
    expected=$1
    shift
    show "plumb lab probe $*"
    if plumb lab probe --lab "$lab" "$@"; then seen=works; else seen=fails; fi
    [ "$seen" = "$expected" ] || fail "the connection $seen, but it should not"
}

# step ID TARGET FROM TO [FLAG…]: breaks, shows the diagnosis, runs the remedy that it prints, shows that it works.
step() {
    id=$1 target=$2 from=$3 to=$4
    shift 4
    show "plumb lab break $id $target"
    plumb lab break --lab "$lab" "$id" "$target"
    probe fails "$from" "$to" --patience 1.5 "$@"

    show "plumb diagnose $from $to"
    if found=$(plumb --color "$color" diagnose "$from" "$to"); then fail "nothing was found"; fi
    # What comes after the causes is long: it is for whoever runs the command.
    printf '%s\n' "$found" | sed '/Ruled out/,$d'
    echo "(left out here: what was ruled out, and the path hop by hop)"

    remedy=$(plumb diagnose "$from" "$to" --print-remedy) || true
    [ -n "$remedy" ] || fail "no remedy was printed"
    printf '%s\n' "$remedy" | while IFS= read -r command; do
        show "$command"
        sh -c "$command"
    done
    probe works "$from" "$to" "$@"
    plumb lab heal --lab "$lab" "$id" >/dev/null
}

say "A cluster of 3 nodes and 12 pods, out of network namespaces"
show "plumb lab up"
plumb lab up --name "$lab"
probe works pod:default/client-0 svc:web --connections 12
probe works pod:default/client-0 '[fd00:10:244:2::3]:8080'
probe works pod:default/client-0 outside

say "1. Somebody's firewall drops what the node forwards"
step F01 pod:default/web-0 "netns:$lab-default-client-1" 10.244.1.3:8080

say "2. One of the three endpoints of a service is dead"
step S07 svc:web "netns:$lab-default-client-0" 10.96.0.10:80 --connections 24

say "3. A pod has no route back to its client"
step R02 pod:default/redis-1 "netns:$lab-default-client-0" 10.244.2.4:6379

say "4. A Service, and somebody who deletes the rules of a node's proxy"
probe works "netns:$lab-default-client-0" 10.97.0.10:80 --connections 12
show "ip netns exec $lab-node-1 plumb explain svc/default/my-service --master http://127.0.0.1:6443 --hostname-override node-1"
ip netns exec "$lab-node-1" plumb explain svc/default/my-service --master http://127.0.0.1:6443 --hostname-override node-1 |
    sed -n '1,/^spec.clusterIPs/p' | sed '$d'
echo "(left out here: the other fields)"
table="ip netns exec $lab-node-1 nft list table ip plumb"
show "ip netns exec $lab-node-1 nft delete table ip plumb"
ip netns exec "$lab-node-1" nft delete table ip plumb
tries=0
until $table >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 30 ] || fail "the proxy did not mend its table"
    sleep 0.1
done
echo "(the proxy has written it anew)"
probe works "netns:$lab-default-client-0" 10.97.0.10:80 --connections 12
show "plumb proxy status --status-socket /run/plumb/labs/$lab.proxy-node-1.sock"
plumb proxy status --status-socket "/run/plumb/labs/$lab.proxy-node-1.sock"

say "Everything works again; the lab goes."
show "plumb lab down"
plumb lab down "$lab"
