# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# What one boot of the emulated host needs: directives of cases, files, and the command.

# directive FILE NAME DEFAULT - the value of a "# name: value" line in a case's header.
directive() {
	local v
	v=$(sed -nE "/^[^#]/q; s/^# $2: *//p" "$1" | head -n1)
	printf '%s\n' "${v:-$3}"
}

# overlay UNITS - prints the archive with the files of this boot. It is appended to the host's image. The cases are in
# /t/cases, numbered in their order, each with a file of its environment.
overlay() {
	local case k hook n=100 d f like patience
	d=$(mktemp -d "$RUN_DIR/overlay.XXXXXX")
	mkdir -p "$d/t/guest" "$d/t/cases"
	cp "$TESTS/host/init" "$d/init"
	cp "$TESTS"/host/*.sh "$d/t/"
	while IFS=$'\t' read -r case k hook; do
		f=$d/t/cases/$((n++))-$(basename "$case" .sh)
		cp "$case" "$f"
		chmod 755 "$f"
		like=$(kernel_like "$k")
		patience=$(patience "$k")
		printf 'export RELEASE=%q KERNEL=%q ROW=%q HOOK=%q TIER=%q FAIL_FAST=%q PATIENCE=%q CASE_TIMEOUT=%q\n' \
			"$(cat "${VMLINUZ[$k]%/*}/release")" "${like:-$k}" "$k" "${hook/none/auto}" "$TIER" "${FAIL_FAST:-}" "$patience" \
			$(($(directive "$case" timeout 900) * patience)) >"$f.env"
	done <<<"$1"
	for f in "${PAYLOAD[@]}"; do
		cp "${f%%:*}" "$d/t/${f#*:}"
	done
	chmod 755 "$d/init"
	cpio_pack "$d"
	rm -rf "$d"
}

# host_initrd KERNEL UNITS FILE - makes the image of one boot. All units have the same directives.
host_initrd() {
	local case=${2%%$'\t'*} base=() NETWORK_CPIO
	build_with "$case"
	# shellcheck disable=SC2153 # not a misspelling
	read -ra base <<<"${BASE[$1]}"
	base+=("${WITH[@]}")
	read -ra PAYLOAD <<<"${PAYLOAD_OF[$1]}"
	if [[ -n $(peers_of "$case") ]]; then
		network_files "$1"
		base+=("$NETWORK_CPIO")
	fi
	{ cat "${base[@]}"; extra "$case"; overlay "$2"; } >"$3"
}

# boot_command CASE INITRD CONSOLE SECONDS KERNEL [NR] - sets BOOT to the command. The output of the cases comes on stdout. All cases
# of a boot have the same directives as CASE. NR: which of several hosts (bed/peers.sh).
#
# lpa2=off: 5.10 takes the LPA2 value for "no 4K pages". pauth-impdef: the architected algorithm is slow to emulate.
# cryptomgr.notests: the self-tests of the kernel's ciphers take a second at each boot.
# Any warning of the kernel ends the run at once: it panics, and QEMU ends instead of rebooting.
boot_command() {
	local case=$1 initrd=$2 console=$3 nr=${6:-1} more mem NETWORK
	mem=$(directive "$case" mem 3G)
	# A huge page has 512 MiB there.
	[[ $5 != *-64k ]] || mem=6G
	network_options "$nr" "$(peers_of "$case" | wc -w)"
	BOOT=(env -C "$RUN_DIR" timeout --foreground -k 10 "$4"
		qemu-system-aarch64
		-machine "virt,virtualization=on,gic-version=3,$(directive "$case" machine mte=on)"
		-cpu "$(directive "$case" cpu max,lpa2=off,pauth-impdef=on)"
		-smp "$(directive "$case" smp 2)" -m "$mem"
		-nodefaults -display none -no-reboot
		-kernel "$HOST_KERNEL" -initrd "$initrd"
		-append "console=ttyAMA0 loglevel=7 cryptomgr.notests panic_on_warn=1 oops=panic softlockup_panic=1 panic=-1 ${NETWORK[*]:+HOST_NR=$nr} $(directive \
			"$case" cmdline "")"
		-chardev "file,id=console,path=$console" -serial chardev:console
		-chardev "stdio,id=case,signal=off" -serial chardev:case)
	read -ra more <<<"$(directive "$case" qemu "")"
	BOOT+=("${NETWORK[@]}" "${more[@]}")
}
