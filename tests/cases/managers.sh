#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a VM that a program starts with another policy than its cgroup or its XML asks for, also if that happens in only one of
# many starts by libvirt, because QEMU was faster; a partition that libvirt puts elsewhere than docs/cgroups.md says; the unit of
# contrib/ under a real systemd; the hook of contrib/ in a container of a real OCI runtime.
# hooks: once
# kernels: 5.10 7.2
# quick-kernels: 5.10
# timeout: 1800
# packages: libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libxml2-utils systemd systemd-container dbus-daemon dash crun jq
# alone: yes
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh
. /t/libvirt.sh

busybox tar -C /tmp -xf /t/glue.tar || bail "contrib is not there"
load_module || bail "the module does not load"
cp /t/kvm-mte /usr/sbin/kvm-mte
libvirt_prepare
libvirt_hook /etc/libvirt/hooks/qemu.d
echo 'stdio_handler = "file"' >/etc/libvirt/qemu.conf

# cgroup_of DOMAIN - the cgroup of its QEMU.
cgroup_of() { sed -n 's/^0:://p' "/proc/$(cat "/run/libvirt/qemu/$1.pid")/cgroup"; }

# --- without systemd: libvirt creates the cgroups itself ---

# recipe REGEX - the commands of docs/cgroups.md for libvirt, from that one to the end of its block.
recipe() { sed -n '/^### libvirt/,/^### Kubernetes/p' /tmp/docs/cgroups.md | sed -n "/^    $1/,/^\$/s/^    //p"; }
recipe mkdir >/tmp/recipe
like "$(cat /tmp/recipe)" "policy --cgroup /machine/mte.partition on" "docs/cgroups.md has commands for hosts without systemd"
succeeds "they can be run" bash -e /tmp/recipe
kvm-mte policy on
CG=/sys/fs/cgroup
mkdir -p $CG/machine/plain.partition
libvirtd >/tmp/libvirtd.log 2>&1 &
LIBVIRTD=$!
wait_until 120 virsh -q list >/dev/null 2>&1 || bail "no libvirtd: $(cat /tmp/libvirtd.log)"

PARTITION=/machine/mte starts mte "" "on, policy" "as docs/cgroups.md says, in the partition"
[[ -e /run/libvirt/qemu/mte.pid ]] || bail "libvirt starts no guest: $(cat /tmp/libvirtd.log /var/log/libvirt/qemu/mte.log)"
like "$(cgroup_of mte)" '^/machine/mte\.partition/qemu-' "the partition /machine/mte is the cgroup /machine/mte.partition"
virsh -q destroy mte
starts other "" "off, none" "as docs/cgroups.md says, outside of the partition, against the default"
virsh -q destroy other
kvm-mte policy request
kvm-mte policy --cgroup /machine/mte.partition none
kvm-mte policy --cgroup /machine on
starts first "" "on, policy" "the policy of /machine"
like "$(cgroup_of first)" '^/machine/qemu-[0-9]+-first\.libvirt-qemu(/|$)' "a domain is in a cgroup of its own below /machine"
is "$(sed -n 's/^PPid:\t//p' "/proc/$(cat /run/libvirt/qemu/first.pid)/status")" 1 "its QEMU was forked twice: its parent is init"
is "$(sed -n 's/^Uid:\t//p' "/proc/$(cat /run/libvirt/qemu/first.pid)/status" | cut -f1)" 64055 "and is not root's"
wait_until 300 grep -qs 'detected: Memory Tagging' /tmp/first.console
like "$(cat /tmp/first.console)" 'CPU features: detected: Memory Tagging Extension' "its guest has found MTE"
virsh -q destroy first
PARTITION=/machine/nowhere fails "a partition that does not exist: the domain is not started" domain nowhere ""
like "$(cat /tmp/virsh)" "Failed to create v2 cgroup '/sys/fs/cgroup/machine/nowhere.partition/" "and virsh says why"
PARTITION=/machine/mte starts below "" "on, policy" "the policy of /machine, in a partition"
virsh -q destroy below

# QEMU asks for MTE itself. The default is "request", and this domain is in a cgroup without a policy.
kvm-mte policy --cgroup /machine none
domain_xml asks "" 256 console=ttyAMA0 "" | sed -e "1s|>|$(sed -n "s/^<domain type='kvm'\(.*\)$/\1/p" /tmp/contrib/libvirt/mte-on.xml)|" \
	-e '/<\/domain>/d' >/tmp/asks.xml
sed -n '/<qemu:commandline>/,$p' /tmp/contrib/libvirt/mte-on.xml >>/tmp/asks.xml
virsh -q create /tmp/asks.xml >/tmp/virsh 2>&1
is "$?: $(cat /tmp/virsh)" "0: " "contrib/libvirt/mte-on.xml: libvirt takes its last lines"
is "$(policy_of asks)" "on, vmm" "contrib/libvirt/mte-on.xml: QEMU has asked for MTE"
virsh -q destroy asks
kvm-mte policy --cgroup /machine on

succeeds "kvm-mte policy --cgroup /machine/plain.partition off" kvm-mte policy --cgroup /machine/plain.partition off

# --- many starts: cgroup and XML, with and against each other. No guest runs, so each VM shows what it was created with ---

# PARTITION  METADATA  STATE  ORIGIN. A VM with its cgroup's policy can have its origin from nothing but that policy, in time. The hook, for
# XML, can be late. Then it changes the VM before the domain runs, and the origin says so.
KINDS=(
	"||on|policy"
	"/machine/plain||off|none"
	"/machine/plain|on|on|policy or admin"
	"|off|off|none or admin"
	"/machine/mte||on|policy"
)
wrong=0 late=0
STARTS=$(if full; then echo 50; else echo 5; fi)
for ((i = 0; i < STARTS; i++)); do
	IFS='|' read -r partition xml state origin <<<"${KINDS[i % ${#KINDS[@]}]}"
	metadata=${xml:+$(policy_element "$xml" 'required="yes"')}
	PARTITION=$partition PAUSED=--paused domain "d$i" "$metadata" || { diag "d$i: $(cat /tmp/virsh)"; wrong=$((wrong + 1)); continue; }
	got=$(policy_of "d$i")
	[[ ${got%,*} == "$state" && " $origin " == *" ${got#*, } "* ]] || { diag "d$i: $partition $xml: $got"; wrong=$((wrong + 1)); }
	[[ $got != *admin ]] || late=$((late + 1))
	virsh -q destroy "d$i" || wrong=$((wrong + 1))
done
diag "$STARTS starts; in $late of them the hook was late and changed the VM"
is "$i starts, $wrong wrong" "$STARTS starts, 0 wrong" "each VM has the policy that its cgroup or its XML asks for"
is "$(ls "$MTE/vms")" "" "no VM is left"
kill "$LIBVIRTD"
wait "$LIBVIRTD"
kvm-mte policy --cgroup /machine none
find $CG/machine -depth -type d -exec rmdir {} +

# --- with systemd, in a process namespace of its own. It manages this host's cgroups ---

mkdir -p /etc/systemd/system /etc/system-services /run/dbus
cat >/etc/dbus.conf <<'EOL'
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <servicedir>/etc/system-services</servicedir>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_type="method_call"/><allow send_type="signal"/><allow send_type="method_return"/><allow send_type="error"/>
    <allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_type="method_return"/><allow receive_type="error"/>
  </policy>
</busconfig>
EOL
# libvirt takes the list of services that D-Bus can start for the list of those that exist.
printf '%s\n' '[D-BUS Service]' Name=org.freedesktop.machine1 Exec=/bin/false User=root SystemdService=systemd-machined.service \
	>/etc/system-services/org.freedesktop.machine1.service
# unit NAME LINE... - a unit without the dependencies of a whole system.
unit() {
	{ printf '%s\n' '[Unit]' DefaultDependencies=no; printf '%s\n' "${@:2}"; } >"/etc/systemd/system/$1"
}
unit dbus.socket '[Socket]' ListenStream=/run/dbus/system_bus_socket
unit dbus.service Requires=dbus.socket '[Service]' ExecStart='/usr/bin/dbus-daemon --config-file=/etc/dbus.conf --address=systemd: --nofork --nopidfile --systemd-activation'
unit systemd-machined.service Requires=dbus.service After=dbus.service '[Service]' Type=dbus BusName=org.freedesktop.machine1 \
	ExecStart=/usr/lib/systemd/systemd-machined
unit libvirtd.service Requires=systemd-machined.service After=systemd-machined.service '[Service]' ExecStart=/usr/sbin/libvirtd KillMode=process
unit test.target Wants=systemd-machined.service
sed 's/^\[Unit\]/&\nDefaultDependencies=no/' /tmp/contrib/systemd/kvm-mte-slice@.service >/etc/systemd/system/kvm-mte-slice@.service
mkdir -p /etc/systemd/system/kvm-mte-slice@machine-off.service.d
printf '%s\n' '[Service]' Environment=POLICY=off >/etc/systemd/system/kvm-mte-slice@machine-off.service.d/policy.conf
unshare --pid --mount --ipc --fork --kill-child --mount-proc \
	env container=test /usr/lib/systemd/systemd --unit=test.target --log-target=console --show-status=no >/tmp/systemd.log 2>&1 &
SYSTEMD=$!
# inside COMMAND... - in its process namespace. systemd obeys nobody outside of it.
inside() { busybox nsenter -t "$(pgrep -P "$SYSTEMD")" -p -m -i "$@"; }
wait_until 120 inside systemctl -q is-active systemd-machined 2>/dev/null || bail "no systemd: $(tail -n 40 /tmp/systemd.log)"
recipe systemctl >/tmp/recipe
is "$(cat /tmp/recipe)" "systemctl enable --now kvm-mte-slice@machine" "docs/cgroups.md has a command for hosts with systemd"
succeeds "systemd: it can be run" inside bash -e /tmp/recipe
succeeds "systemd: the same for another slice, with another policy" inside systemctl start kvm-mte-slice@machine-off libvirtd
wait_until 120 virsh -q list >/dev/null 2>&1 || bail "no libvirtd under systemd: $(tail -n 40 /tmp/systemd.log)"

# vm_policy - state and origin of the only VM. The process ids are those of the namespace.
vm_policy() { echo "$(cat "$MTE"/vms/*/state), $(cat "$MTE"/vms/*/origin)"; }
# slice_starts NAME PARTITION CGROUP POLICY
slice_starts() {
	PARTITION=$2 PAUSED=--paused domain "$1" ""
	is "$?: $(cat /tmp/virsh)" "0: " "systemd: $1: the domain starts"
	is "$(sed -n 's/^0:://p' "/proc/$(cat "$MTE"/vms/*/pid)/cgroup")" "$3" "systemd: $1: its cgroup"
	is "$(vm_policy)" "$4" "systemd: $1: state and origin of its VM"
	virsh -q destroy "$1"
}
is "$(kvm-mte policy --cgroup /machine.slice)" "on" "systemd: kvm-mte-slice@machine gives the slice its policy"
slice_starts web "" '/machine.slice/machine-qemu\x2d1\x2dweb.scope/libvirt/emulator' "on, policy"
slice_starts sub /machine/off '/machine.slice/machine-off.slice/machine-qemu\x2d2\x2dsub.scope/libvirt/emulator' "off, none"
is "$(ls "$MTE/vms")" "" "systemd: no VM is left"
kill -KILL "$SYSTEMD"
wait "$SYSTEMD" 2>/dev/null

# --- a container of an OCI runtime, with the hook ---

mkdir -p /usr/libexec /tmp/pod/rootfs
cp /tmp/contrib/kubernetes/kvm-mte-oci-hook /usr/libexec/
cp "$CLIENT" /tmp/pod/rootfs/client
# container POLICY - a container that asks KVM, in a cgroup namespace as Kubernetes has it. One of its annotations looks like a process.
container() {
	cat >/tmp/pod/config.json <<-EOL
	{
	  "ociVersion": "1.0.2",
	  "process": {"user": {"uid": 0, "gid": 0}, "args": ["/client", "ask"], "cwd": "/"},
	  "root": {"path": "rootfs"},
	  "annotations": {"kvm-mte/policy": "$1", "x": "\"pid\": 1, \"pid\":1"},
	  "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}, {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
	  "linux": {
	    "cgroupsPath": "/kubepods.slice/pod.slice/$1.scope",
	    "namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}, {"type": "cgroup"}],
	    "devices": [{"path": "/dev/kvm", "type": "c", "major": 10, "minor": 232, "fileMode": 438, "uid": 0, "gid": 0}],
	    "resources": {"devices": [{"allow": true, "access": "rwm"}]}
	  },
	  "hooks": {"createRuntime": [{"path": "/usr/libexec/kvm-mte-oci-hook", "args": ["kvm-mte-oci-hook", "$1"]}]}
	}
	EOL
	(cd /tmp/pod && crun --cgroup-manager=cgroupfs run --no-pivot "$1")
}
told on "OCI hook: on" container on
kvm-mte policy on
told off "OCI hook: off, against the default" container off
like "$(container maybe 2>&1)" "^error executing hook .*kvm-mte-oci-hook. \(exit code: 2\)$" "OCI hook: a word that is no policy: the container does not start"
is "$(cat "$MTE"/policy/{on,off,request}_cgroups | grep kubepods)" "" "OCI hook: a policy ends with its container"
done_testing
