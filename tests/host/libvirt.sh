# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
# libvirt's daemon in the emulated host, for a case with the packages libvirt-daemon, libvirt-daemon-driver-qemu and
# libvirt-clients.

# libvirt_prepare - users, names and files that libvirt and its guests need; LIBVIRT_QEMU: the emulator for a domain.
libvirt_prepare() {
	printf '%s\n' root:x:0:0::/root:/bin/bash libvirt-qemu:x:64055:64055::/:/bin/false >/etc/passwd
	printf '%s\n' root:x:0: libvirt-qemu:x:64055: kvm:x:108: >/etc/group
	printf '%s\n' 'passwd: files' 'hosts: files' >/etc/nsswitch.conf
	printf '%s\n' '127.0.0.1 localhost' "$@" >/etc/hosts
	head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >/etc/machine-id
	mkdir -p /etc/libvirt/hooks/qemu.d /var/lib/libvirt/qemu /var/log/libvirt/qemu /var/cache/libvirt /run/libvirt /usr/share/libvirt
	ln -sfn /run /var/run
	chmod 666 /dev/kvm /t/guest/*
	chmod 755 /t /t/guest
	ip link set lo up
	# This libvirt passes an option that this QEMU does not have any more. exec keeps the process id.
	cat >/usr/bin/qemu-without-no-acpi <<-'EOL'
	#!/bin/bash
	for arg; do
		shift
		[[ $arg == -no-acpi ]] || set -- "$@" "$arg"
	done
	exec qemu-system-aarch64 "$@"
	EOL
	chmod +x /usr/bin/qemu-without-no-acpi
	LIBVIRT_QEMU=/usr/bin/qemu-without-no-acpi
}

# libvirt_hook DIRECTORY - puts the project's hook there.
libvirt_hook() {
	cp /tmp/contrib/libvirt/kvm-mte "$1/kvm-mte"
	# Debian's /bin/sh is dash. In this host /bin/sh is bash.
	sed -i '1s|/bin/sh|/usr/bin/dash|' "$1/kvm-mte"
}

# domain_xml NAME METADATA MIB CMDLINE DEVICES - prints a domain. PARTITION: the one that it is in.
domain_xml() {
	cat <<-EOL
	<domain type='kvm'>
	  <name>$1</name>
	  <metadata>$2</metadata>
	  <memory unit='MiB'>$3</memory>
	  <vcpu>1</vcpu>
	  ${PARTITION:+<resource><partition>$PARTITION</partition></resource>}
	  <os>
	    <type arch='aarch64' machine='virt'>hvm</type>
	    <kernel>/t/guest/Image</kernel>
	    <initrd>/t/guest/initrd</initrd>
	    <cmdline>$4</cmdline>
	  </os>
	  <features><gic version='3'/></features>
	  <cpu mode='host-passthrough'/>
	  <devices>
	    <emulator>$LIBVIRT_QEMU</emulator>
	    <controller type='usb' model='none'/>
	    <serial type='file'><source path='/tmp/$1.console'/></serial>
	    $5
	    <memballoon model='none'/>
	  </devices>
	</domain>
	EOL
}

# policy_element POLICY [ATTRIBUTE] - the element for a domain's metadata.
policy_element() { echo "<kvm-mte:policy xmlns:kvm-mte=\"urn:kvm-mte\"${2:+ $2}>$1</kvm-mte:policy>"; }

# domain NAME METADATA - starts a domain; the output of virsh is in /tmp/virsh. PAUSED=--paused: its guest does not run.
domain() {
	domain_xml "$1" "$2" 256 console=ttyAMA0 '' >"/tmp/$1.xml"
	virsh -q create ${PAUSED:+"$PAUSED"} "/tmp/$1.xml" >/tmp/virsh 2>&1
}

# policy_of DOMAIN - prints state and origin of its VM.
policy_of() {
	local vm
	vm=$(vm_dir "$(cat "/run/libvirt/qemu/$1.pid")") && echo "$(cat "$vm/state"), $(cat "$vm/origin")"
}

# starts NAME METADATA STATE WHAT - a domain starts, and its VM has that state and origin.
starts() {
	domain "$1" "$2"
	is "$?: $(cat /tmp/virsh)" "0: " "libvirt: $4: the domain starts"
	is "$(policy_of "$1")" "$3" "libvirt: $4: state and origin of its VM"
}
