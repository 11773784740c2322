# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# More emulated hosts for a case ("# peers: KERNEL..."). The case runs on host 1. The peers are hosts 2, 3 and so on. They have a
# network of their own: the first host's QEMU is a hub, to which each peer's QEMU has a Unix socket.

# Modules that hosts with a network need beside HOST_MODULES.
NET_MODULES=(virtio_mmio virtio_net)

# peers_of CASE - the kernels of its peers.
peers_of() { directive "$1" peers '' | tr ' ' '\n'; }

# peer_programs VAR - VAR/peer, VAR/fewregs.so: what cases with peers need beside scripts (tests/host/*.c).
peer_programs() {
	# shellcheck disable=SC2034 # the caller's variable
	local -n peer_ref=$1
	cached peer_ref peer "$(key "$BED/peers.sh" "$TESTS"/host/*.c)" peer_build
}

peer_build() {
	local cc=("${CROSS}gcc" -Wall -Wextra -Werror -Wno-missing-field-initializers -D_GNU_SOURCE -O1)
	"${cc[@]}" -static -o peer "$TESTS/host/peer.c" || die "tests/host/peer.c does not build"
	"${cc[@]}" -shared -fPIC -o fewregs.so "$TESTS/host/fewregs.c" || die "tests/host/fewregs.c does not build"
}

# network_files KERNEL - sets NETWORK_CPIO, the archive with the modules, and adds to PAYLOAD.
network_files() {
	local o='' p=''
	modules_archive o "$1-net" "${VMLINUZ[$1]%/*}" "${HOST_MODULES[@]}" "${NET_MODULES[@]}"
	peer_programs p
	NETWORK_CPIO=$o/modules.cpio
	PAYLOAD+=("$p/peer:peer" "$p/fewregs.so:fewregs.so")
}

# network_options NR PEERS - sets NETWORK: options of QEMU for host NR. Sockets have relative names, because a socket's name is
# short; so each QEMU runs in RUN_DIR.
network_options() {
	local nr=$1 peers=$2 name=${RUN##*/} i
	NETWORK=()
	((peers)) || return 0
	NETWORK=(-global virtio-mmio.force-legacy=off)
	if ((nr > 1)); then
		NETWORK+=(-netdev "stream,id=net,server=off,addr.type=unix,addr.path=$name.net$nr")
	else
		NETWORK+=(-netdev "hubport,id=net,hubid=0")
		for ((i = 2; i <= peers + 1; i++)); do
			NETWORK+=(-netdev "stream,id=peer$i,server=on,addr.type=unix,addr.path=$name.net$i"
				-netdev "hubport,id=port$i,hubid=0,netdev=peer$i")
		done
	fi
	NETWORK+=(-device "virtio-net-device,netdev=net,mac=52:54:00:00:00:0$nr")
}

# start_peers CASE HOOK SECONDS - boots the peers of the case. PEERS: their processes.
start_peers() {
	local k nr=1
	PEERS=()
	for k in $(peers_of "$1"); do
		nr=$((nr + 1))
		run_peer "$nr" "$k" "$@" &
		PEERS+=($!)
	done
}

# run_peer NR KERNEL CASE HOOK SECONDS - runs the QEMU of a peer. If it ends by itself, so does the first host, which would wait
# for it in vain.
run_peer() {
	local nr=$1 pid='' HOST_KERNEL=${VMLINUZ[$2]} BOOT PAYLOAD
	trap 'kill $pid 2>/dev/null; wait; exit 0' TERM
	host_initrd "$2" "$3"$'\t'"$2"$'\t'"$4" "$RUN.initrd$nr"
	boot_command "$3" "$RUN.initrd$nr" "$RUN.console$nr" "$5" "$2" "$nr"
	: >"$RUN.console$nr"
	until [[ -S $RUN.net$nr ]]; do sleep 0.1; done
	"${BOOT[@]}" </dev/null >"$RUN.out$nr" 2>"$RUN.qemu$nr" &
	pid=$!
	wait "$pid" || true
	: >"$RUN.down$nr"
	kill "$QEMU" 2>/dev/null
}

# stop_peers - ends the peers, and waits for them.
stop_peers() {
	((${#PEERS[@]})) || return 0
	kill "${PEERS[@]}" 2>/dev/null || true
	wait "${PEERS[@]}" || true
	rm -f "$RUN".initrd? "$RUN".net?
}

# judge_peers LOGS [injected] - as judge_end does for the first host; moves the peers' logs to LOGS.
judge_peers() {
	local nr
	for ((nr = 2; nr <= ${#PEERS[@]} + 1; nr++)); do
		[[ ! -e $RUN.qemu$nr ]] || sed "/terminating on signal 15/d; s/^/# qemu of peer $nr: /" "$RUN.qemu$nr"
		[[ ! -e $RUN.down$nr ]] || judge_fail "peer $nr went down"
		judge_console "$RUN.console$nr" "the kernel of peer $nr" "${2:-}"
		mv "$RUN.console$nr" "$1/console$nr"
		mv "$RUN.out$nr" "$1/out$nr"
	done
}
