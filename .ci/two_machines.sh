#!/usr/bin/env bash
# Starts a script on two machines by torchrun, one process on each: two network namespaces of Linux that are connected
# by a virtual cable, and by nothing else. Needs root. Ends with status 77 where the system forbids it.
#
# Usage: two_machines.sh TORCHRUN SCRIPT [ARGUMENTS OF THE SCRIPT]
set -uo pipefail
torchrun=$1
shift

refuse() {
  echo "$1"
  exit 77
}
[ "$(id -u)" = 0 ] || refuse "network namespaces need root"
command -v ip >/dev/null || refuse "there is no ip (of iproute2)"

one=seqae-$$-a two=seqae-$$-b
cleanup() {
  rm -rf "/etc/netns/$one" "/etc/netns/$two"
  ip netns del "$one" 2>/dev/null
  ip netns del "$two" 2>/dev/null
}
trap cleanup EXIT
ip netns add "$one" && ip netns add "$two" || refuse "the system forbids network namespaces"
ip link add cable netns "$one" type veth peer name cable netns "$two" || refuse "the system has no virtual cables"
# Names are in files: a name server that cannot be reached takes seconds.
mkdir -p "/etc/netns/$one" "/etc/netns/$two"
: >"/etc/netns/$one/resolv.conf" >"/etc/netns/$two/resolv.conf"
printf '127.0.0.1 localhost\n10.77.0.1 one\n10.77.0.2 two\n' | tee "/etc/netns/$one/hosts" >"/etc/netns/$two/hosts"
for machine in "$one 10.77.0.1" "$two 10.77.0.2"; do
  read -r name address <<<"$machine"
  ip -n "$name" address add "$address/24" dev cable && ip -n "$name" link set cable up && ip -n "$name" link set lo up ||
    refuse "the network of a namespace cannot be set up"
done

start() { # the number of the machine, its namespace and address; the first one hosts the meeting
  local number=$1 name=$2 address=$3
  shift 3
  GLOO_SOCKET_IFNAME=cable ip netns exec "$name" "$torchrun" --nnodes 2 --nproc-per-node 1 --rdzv-id seqae \
    --rdzv-backend c10d --rdzv-endpoint 10.77.0.1:29400 --rdzv-conf "is_host=$((number == 0))" \
    --local-addr "$address" "$@"
}
start 0 "$one" 10.77.0.1 "$@" &
first=$!
start 1 "$two" 10.77.0.2 "$@" &
second=$!
status=0
wait "$first" || status=$?
wait "$second" || status=$?
[ "$status" != 77 ] || status=1
exit "$status"
