#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a file in contrib/ that does not work with the program it is for: libvirt's daemon, which starts a guest and runs
# the hook; udevd; modprobe; systemd-modules-load; the command of the systemd unit; units that set no policy when the module is
# loaded after boot, or again, or that systemd starts again and again while it is not loaded.
# hooks: once
# timeout: 1200
# packages: libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libxml2-utils udev systemd dash
# alone: yes
. /t/lib.sh
. /t/hooks.sh
. /t/libvirt.sh

busybox tar -C /tmp -xf /t/glue.tar || bail "contrib is not there"
GLUE=/tmp/contrib
cp /t/kvm-mte /usr/sbin/kvm-mte
MODULES=/lib/modules/$(uname -r)
mkdir -p "$MODULES/updates/dkms"
cp /t/kvm_mte.ko "$MODULES/updates/dkms/"
depmod

policy() { cat "$MTE/policy/default"; }

# --- modprobe.d, modules-load.d, and the unit ---

mkdir -p /etc/modprobe.d /etc/modules-load.d /etc/default
cp "$GLUE/modprobe.d/kvm-mte.conf" /etc/modprobe.d/
cp "$GLUE/modules-load.d/kvm-mte.conf" /etc/modules-load.d/
succeeds "systemd-modules-load" /usr/lib/systemd/systemd-modules-load
module_loaded || bail "no module"
is "$(policy)" request "the module is loaded; the example options change nothing"
rmmod kvm_mte
sed -i 's/^#options/options/; s/hook=kprobe/hook=auto/' /etc/modprobe.d/kvm-mte.conf
succeeds "systemd-modules-load, with options" /usr/lib/systemd/systemd-modules-load
is "$(policy), $(cat "$MTE/policy/migration")" "on, refuse" "the example options, without their #, take effect"
echo warn >"$MTE/policy/migration"

# unit - runs the unit's command as systemd would, with the variables of its EnvironmentFile.
unit() {
	local POLICY command
	# shellcheck source=/dev/null
	. /etc/default/kvm-mte
	command=$(sed -n 's/^ExecStart=//p' "$GLUE/systemd/kvm-mte-policy.service")
	# shellcheck disable=SC2086 # as systemd splits it
	${command/\$POLICY/$POLICY}
}
cp "$GLUE/default/kvm-mte" /etc/default/kvm-mte
is "$(unit)" on "the unit, with nothing in /etc/default/kvm-mte, changes nothing"
sed -i 's/^POLICY=.*/POLICY=request/' /etc/default/kvm-mte
is "$(unit):$(policy)" ":request" "the unit sets the policy of /etc/default/kvm-mte"
mkdir -p /etc/systemd/system
cp "$GLUE"/systemd/* /etc/systemd/system/
verify() { systemd-analyze verify --man=no "$@" 2>&1 | grep kvm-mte; }
# An instance of a template has a name after the "@".
units=$(cd "$GLUE/systemd" && printf '%s\n' * | sed 's/@/@machine/' | tr '\n' ' ')
like "$units" "kvm-mte-policy.service kvm-mte-slice@machine.service" "contrib has units"
# shellcheck disable=SC2086 # several words on purpose
is "$(verify $units)" "" "systemd finds nothing wrong with them"
sed 's/^Type=.*/Type=onesho/' "$GLUE/systemd/kvm-mte-policy.service" >/etc/systemd/system/kvm-mte-bad.service
like "$(verify kvm-mte-bad.service)" onesho "systemd does find a mistake in a unit"

# --- udev ---

cat >/usr/bin/logger.new <<'EOL'
#!/bin/bash
printf '%s|' "$@" >>/tmp/logged
echo >>/tmp/logged
EOL
chmod +x /usr/bin/logger.new
mv /usr/bin/logger.new /usr/bin/logger
mkdir -p /etc/udev/rules.d /run/udev
rm -f /usr/lib/udev/rules.d/*
cp "$GLUE/udev/90-kvm-mte.rules" /etc/udev/rules.d/
/usr/lib/systemd/systemd-udevd --daemon || bail "no udevd"
udevadm control --ping
echo on >"$MTE/policy/default"
qemu_start u || bail "no guest"
guest_wait_boot u || bail "no guest"
echo request >"$MTE/policy/default"
VM=$(basename "$(vm_dir "$(qemu_pid u)")")
udevadm settle
is "$(cat /tmp/logged 2>&1)" "cat: /tmp/logged: No such file or directory" "udev: nothing is logged about a VM that only runs"
qemu_monitor u 'migrate -d file:/tmp/state'
wait_until 300 grep -qs . /tmp/logged
is "$(cat /tmp/logged)" "-t|kvm-mte|-p|daemon.warning|VM $VM of process $(qemu_pid u) is migrated or saved by a VMM that does not carry its MTE tags|" \
	"udev: a guest that is saved without its tags is logged"
migrated() { ! guest_alive u || qemu_monitor u 'info migrate' | grep -qE 'completed|failed'; }
succeeds "udev: the save ends" wait_until 300 migrated
succeeds "udev: QEMU lives on" guest_alive u
qemu_stop u
rm -f /tmp/state /tmp/logged

# --- libvirt ---

libvirt_prepare
libvirt_hook /etc/libvirt/hooks/qemu.d
echo 'stdio_handler = "file"' >/etc/libvirt/qemu.conf
libvirtd >/tmp/libvirtd.log 2>&1 &
wait_until 120 virsh -q list >/dev/null 2>&1 || bail "no libvirtd: $(cat /tmp/libvirtd.log)"

starts plain "" "off, none" "a domain that asks for nothing"
[[ -e /run/libvirt/qemu/plain.pid ]] || bail "libvirt starts no guest: $(cat /tmp/libvirtd.log /var/log/libvirt/qemu/plain.log)"
is "$(sed -n 's/^PPid:\t//p' "/proc/$(cat /run/libvirt/qemu/plain.pid)/status")" 1 "libvirt: QEMU is a child of init"
is "$(sed -n 's/^Uid:\t//p' "/proc/$(cat /run/libvirt/qemu/plain.pid)/status" | cut -f1)" 64055 "libvirt: QEMU does not run as root"
starts on "$(policy_element on 'required="yes"')" "on, policy" "policy on"
wait_until 300 grep -qs 'Linux version' /tmp/on.console
like "$(cat "$(vm_dir "$(cat /run/libvirt/qemu/on.pid)")/stats/pages_tagged")" '^[1-9]' "libvirt: policy on: its guest runs with MTE"
is "$(/t/kvm-mte list | tr -s ' ' | grep -c ' on policy 1 .* on$')" 1 "libvirt: kvm-mte list shows the domain's name"
is "$(ls /run/kvm-mte)" on "libvirt: the hook has left a file for this domain only"
virsh -q destroy on
is "$(ls /run/kvm-mte)" "" "libvirt: the hook's file is gone when the domain has ended"

echo on >"$MTE/policy/default"
! full || starts off "$(policy_element off)" "off, none" "policy off, against the default"
! full || starts request "<x:policy xmlns:x='urn:kvm-mte'> request </x:policy>" "off, none" "policy request, with another prefix and blanks"
! full || starts other "<policy xmlns='urn:other'>off</policy><!-- urn:kvm-mte off -->" "on, policy" "an element of another namespace"
echo request >"$MTE/policy/default"
for d in plain $(if full; then echo off request other; fi); do virsh -q destroy "$d"; done

fails "libvirt: a word that is no policy: the domain is not started" domain bad "$(policy_element ON)"
like "$(cat /tmp/virsh)" "kvm-mte: domain bad: MTE policy 'ON': not one of on, off, request" "libvirt: and virsh says why"

# The hook comes too late if it does not find QEMU's process in time.
sed -i 's/^PATIENCE=.*/PATIENCE=0/' /etc/libvirt/hooks/qemu.d/kvm-mte
rm -f /tmp/logged
if full; then
	starts late "$(policy_element on)" "turning-on, admin" "too late"
	like "$(cat /tmp/logged)" "domain late: MTE policy on came too late: turning-on, which takes effect when the guest reboots" "libvirt: too late: it is logged"
	virsh -q destroy late
	PAUSED=--paused starts paused "$(policy_element on 'required="yes"')" "on, admin" "too late, but started paused"
	virsh -q destroy paused
fi
fails "libvirt: too late, and required: the domain is not started" domain must "$(policy_element on 'required="yes"')"
like "$(cat /tmp/virsh)" "not started: MTE policy on came too late: turning-on" "libvirt: and virsh says why"
is "$(by_module)" "" "libvirt: no VM is left"

rmmod kvm_mte
fails "libvirt: required, and the module is not loaded: the domain is not started" domain gone "$(policy_element on 'required="yes"')"
like "$(cat /tmp/virsh)" "not started: no MTE: the module kvm_mte is not loaded" "libvirt: and virsh says why"
succeeds "libvirt: not required, and the module is not loaded" domain gone2 "$(policy_element on)"
virsh -q destroy gone2

# --- systemd and the units, when the module is loaded and unloaded ---

# systemd is the init of a PID namespace, in a cgroup of its own. It has the project's units, and empty ones for those of a distribution that they
# name. udevd is that of the host.
CG=/sys/fs/cgroup
export CG
rm /etc/systemd/system/kvm-mte-bad.service
mkdir -p /tmp/stubs "$CG/sd/kubepods.slice"
for u in sysinit basic paths multi-user shutdown; do
	printf '%s\n' '[Unit]' "Description=$u" 'DefaultDependencies=no' >"/tmp/stubs/$u.target"
done
printf '%s\n' '[Slice]' >/tmp/stubs/machine.slice
sed -i 's/^POLICY=.*/POLICY=on/' /etc/default/kvm-mte
export SYSTEMD_UNIT_PATH=/etc/systemd/system:/tmp/stubs
succeeds "systemctl enables the units" systemctl enable kvm-mte-policy.service kvm-mte-slice@machine.service kvm-mte-pods.path
cat >/tmp/run-systemd <<'EOL'
#!/bin/bash
echo 0 >"$CG/sd/cgroup.procs"
exec unshare --fork --kill-child --pid --mount-proc --mount --cgroup bash -c '
	umount "$CG"
	mount -t cgroup2 cgroup2 "$CG"
	export container=test SYSTEMD_LOG_TARGET=console
	exec /usr/lib/systemd/systemd --system --unit=multi-user.target --show-status=no'
EOL
chmod +x /tmp/run-systemd
/tmp/run-systemd >/tmp/systemd.log 2>&1 &
SYSTEMD=$!
# systemd answers processes of its own namespace only.
inside() { busybox nsenter -t "$(pgrep -P "$SYSTEMD")" -p -m "$@"; }
active() { inside systemctl show -P ActiveState "$1" 2>&1; }
is_active() { [[ $(active "$1") == "$2" ]]; }
wait_until 60 is_active multi-user.target active || not_ok "systemd starts" "$(cat /tmp/systemd.log)"
# states - of the units that set a policy.
states() { for u in kvm-mte.target kvm-mte-policy.service kvm-mte-slice@machine.service kvm-mte-pods.path kvm-mte-pods.service; do active "$u"; done | xargs; }
is "$(states)" "inactive inactive inactive inactive inactive" "systemd: without the module, no unit is active"
policies() { { cat "$MTE/policy/default"; LC_ALL=C sort "$MTE/policy/on_cgroups"; } 2>&1 | xargs; }
has_policies() { [[ $(policies) == "on /sd/kubepods.slice /sd/machine.slice" ]]; }
for when in "after boot" again; do
	modprobe kvm_mte policy=request
	wait_until 60 has_policies
	is "$(policies)" "on /sd/kubepods.slice /sd/machine.slice" "systemd: the module is loaded $when: the default, the slice and all pods get their policy"
	is "$(states)" "active active active active active" "systemd: the units are active"
	rmmod kvm_mte
	wait_until 60 is_active kvm-mte-policy.service inactive
	wait_until 60 is_active kvm-mte-pods.path inactive
	is "$(states)" "inactive inactive inactive inactive inactive" "systemd: the module is unloaded: no unit is active"
done
kill -KILL "$SYSTEMD"
wait "$SYSTEMD" 2>/dev/null
done_testing
