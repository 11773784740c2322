#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: "kvm-mte migrate", "save" and "restore" that lose tags or data with a real libvirt; a migration that fails and leaves
# the guest stopped, held, or without tags; words that do not say what is left; a guest that runs without its tags where the
# hook is installed.
# kernels: 5.10 7.2
# hooks: once
# quick: no
# timeout: 1800
# mem: 3G
# packages: libvirt-daemon libvirt-daemon-driver-qemu libvirt-clients libxml2-utils udev systemd dash
# alone: yes
. /t/lib.sh
. /t/hooks.sh
. /t/migrate.sh
. /t/libvirt.sh

busybox tar -C /tmp -xf /t/glue.tar || bail "contrib is not there"
load_module || bail "the module does not load"
cp /t/kvm-mte /usr/sbin/kvm-mte
libvirt_prepare '127.0.0.2 a.test' '127.0.0.3 b.test'

# --- two hosts in one: a daemon each, with its own name, UUID and directories ---

# host NAME - starts its daemon, in namespaces of its own. libvirt does not migrate to a host with the same UUID.
host() {
	mkdir -p "/$1"/{run,etc/hooks/qemu.d,var/qemu,log/qemu,cache}
	printf '%s\n' 'stdio_handler = "file"' 'remember_owner = 0' >"/$1/etc/qemu.conf"
	echo "host_uuid = \"0000000$1-1111-4222-8333-444444444444\"" >"/$1/etc/libvirtd.conf"
	printf '%s\n' '#!/usr/bin/dash' 'exit 0' >"/$1/etc/hooks/qemu.d/kvm-mte"
	chmod +x "/$1/etc/hooks/qemu.d/kvm-mte"
	# shellcheck disable=SC2016 # for the other shell
	unshare --mount --uts bash -c '
		hostname "$1.test"
		mount --make-rprivate /
		mount --bind "/$1/run" /run/libvirt
		mount --bind "/$1/etc" /etc/libvirt
		mount --bind "/$1/var" /var/lib/libvirt
		mount --bind "/$1/log" /var/log/libvirt
		mount --bind "/$1/cache" /var/cache/libvirt
		exec libvirtd -p /run/libvirt/libvirtd.pid' - "$1" >"/tmp/libvirtd.$1.log" 2>&1 &
}
uri() { echo "qemu+unix:///system?socket=/$1/run/libvirt-sock"; }
at() { virsh -q -c "$(uri "$1")" "${@:2}"; }
host a
host b
wait_until 120 at a list >/dev/null 2>&1 || bail "no libvirtd: $(cat /tmp/libvirtd.a.log)"
wait_until 120 at b list >/dev/null 2>&1 || bail "no libvirtd: $(cat /tmp/libvirtd.b.log)"
LIBVIRT_DEFAULT_URI=$(uri a)
export LIBVIRT_DEFAULT_URI
libvirt_hook /a/etc/hooks/qemu.d

# Both have the same kernel, so the domain gets another name at the other host: kvm-mte could not tell which is which.
# rsh HOST COMMAND - what stands for ssh.
cat >/tmp/rsh <<'EOL'
#!/bin/bash
echo "$1" >>/tmp/rsh.hosts
eval "$2"
EOL
# The same, to a host that does not have the module; and one whose connection is cut.
# shellcheck disable=SC2016 # for the other shell
sed 's|^eval .*|eval "${2/kvm-mte/kvm-mte --root=/empty}"|' /tmp/rsh >/tmp/rsh-empty
# shellcheck disable=SC2016 # for the other shell
sed 's|^eval .*|head -c 100 \| eval "$2"|' /tmp/rsh >/tmp/rsh-cut
chmod +x /tmp/rsh*
mkdir /empty

# The guest's shell: guest_run needs the process, two FIFOs, and a file with what comes out. Both QEMUs open the same FIFOs.
G=$GUESTS/web
mkdir -p "$G"
mkfifo "$G/shell.in" "$G/shell.out"
chmod 666 "$G"/shell.*
echo 0 >"$G/shell.pos"
echo 0 >"$G/console.pos"
: >"$G/shell"
cat <>"$G/shell.out" >>"$G/shell" &

# is_at HOST DOMAIN - the guest of "web" is there now.
is_at() { cat "/$1/run/qemu/$2.pid" >"$G/pid"; }
# hold_of HOST DOMAIN - whether its VM is held.
hold_of() { cat "$(vm_dir "$(cat "/$1/run/qemu/$2.pid")")/hold"; }
# moves STATUS NAME ARGUMENT... - kvm-mte migrate; what it says is in /tmp/said.
moves() {
	kvm-mte migrate "${@:3}" >/tmp/said 2>&1
	is "$?" "$1" "$2: exit status"
}
says() { like "$(tr '\n' '|' </tmp/said)" "$1" "$2"; }
# goes_on NAME - a migration from a to b has failed.
goes_on() {
	says '\|kvm-mte: web: not migrated: [a-z ]*\. It goes on here\|$' "$1: says that the guest goes on"
	is "$(at a domstate web), hold $(hold_of a web)" "running, hold 0" "$1: it runs and is not held"
	is "$(at b list --all --name)" "" "$1: nothing is left at the destination"
	is "$(pgrep -f 'kvm-mte tag[s]')" "" "$1: no program is left"
	is "$(guest_run web 'tail -n 1 /tmp/heap | cut -d" " -f2-')" "0 0" "$1: no wrong tags or words"
}

domain_xml web "$(policy_element on)" 256 "console=ttyAMA0 quiet panic=-1 cryptomgr.notests rodata=on" "
	<controller type='virtio-serial' index='0'><address type='virtio-mmio'/></controller>
	<channel type='pipe'><source path='$G/shell'/><target type='virtio' name='shell'/></channel>" >/tmp/web.xml
at a create /tmp/web.xml || bail "no domain: $(cat /tmp/libvirtd.a.log)"
is_at a web
is "$(hold_of a web)" 0 "the hook does not hold a domain that is started as usual"
guest_wait_boot web || bail "no guest"
heap_start web

# --- what can fail, and leaves the guest at the source ---

# The system's log.
printf '%s\n' '#!/bin/bash' 'echo "$*" >>/tmp/logged' >/usr/bin/logger
chmod +x /usr/bin/logger
TO_B=(-e /tmp/rsh --host=b)
moves 1 "virsh fails" "${TO_B[@]}" web "qemu+unix:///system?socket=/nowhere" -- --dname web-b
says '\|error: Failed to connect socket to ./nowhere.: No such file or directory\|.*kvm-mte: b: web-b: the stream has ended before it began; no VM was held\|' "virsh fails: says why"
goes_on "virsh fails"
moves 1 "no module" -e /tmp/rsh-empty --host=b web "$(uri b)" -- --dname web-b
says 'kvm-mte: b: the module kvm_mte is not loaded; .*\|kvm-mte: web: not migrated: its tags cannot follow\. It' "no module: says why"
goes_on "no module"
moves 1 "no MTE at the destination" "${TO_B[@]}" web "$(uri b)" -- --dname web-b
says 'kvm-mte: b: .* \(web-b\): has no MTE yet; waiting until it is on\|.*kvm-mte: web: not migrated: virsh has failed' "no MTE at the destination: says why"
goes_on "no MTE at the destination"

libvirt_hook /b/etc/hooks/qemu.d
kvm-mte migrate "${TO_B[@]}" web "$(uri b)" -- --dname web-b --bandwidth 1 >/tmp/said 2>&1 &
MOVE=$!
data_flows() { at a domjobinfo web 2>/dev/null | grep -q '^Data processed: *[1-9]'; }
wait_until 120 data_flows || not_ok "SIGINT: the migration begins" "$(cat /tmp/said)"
like "$(tr '\n' '|' </tmp/said)" 'kvm-mte: b: [^|]* \(web-b\): held until its tags are in\|$' "SIGINT: the destination is held"
kill -INT "$MOVE"
wait "$MOVE"
is "$?" 1 "SIGINT: exit status"
says '\|kvm-mte: web: not migrated: interrupted\. It' "SIGINT: says why"
goes_on "SIGINT"

# --- with its tags ---

moves 0 "migrate" "${TO_B[@]}" web "$(uri b)" -- --dname web-b
says 'web: migrated to b with its tags\|$' "migrate: says so"
is "$(at b domstate web-b), hold $(hold_of b web-b)" "running, hold 0" "migrate: it runs at the destination"
is "$(at a list --all --name)" "" "migrate: nothing is left at the source"
is "$(sort -u /tmp/rsh.hosts)" b "migrate: --rsh gets the host"
is_at b web-b
heap_check web "migrate"
export LIBVIRT_DEFAULT_URI
LIBVIRT_DEFAULT_URI=$(uri b)
is "$(kvm-mte save web-b /tmp/web.save 2>/tmp/said | tail -n 1)" "web-b: saved with its tags: /tmp/web.save, /tmp/web.save.tags" "save: says so"
is "$(at b list --all --name)" "" "save: the domain has ended"
is "$(kvm-mte restore /tmp/web.save 2>/tmp/said | tail -n 1)" "web-b: restored with its tags" "restore: says so"
is "$(at b domstate web-b), hold $(hold_of b web-b)" "running, hold 0" "restore: it runs"
is_at b web-b
heap_check web "restore"

# --- without kvm-mte, where the hook is ---

succeeds "virsh alone migrates" at b migrate --live web-b "$(uri a)" --dname web
is "$(at a domstate web), hold $(hold_of a web)" "running, hold 1" "the hook holds it"
like "$(cat /tmp/logged)" 'daemon.warning -- domain web: held until its tags are in: "kvm-mte tags load [0-9]+-[0-9]+"' "and says what to do"
at a destroy web

# --- the stream is cut when the guest has left ---

succeeds "restore again" kvm-mte restore /tmp/web.save
moves 1 "cut" -e /tmp/rsh-cut --host=a web-b "$(uri a)" -- --dname web
says '\|kvm-mte: a: [^|]* the stream ends early\|' "cut: says why"
says '\|kvm-mte: web: its tags are not all at a\. Where it is held, "kvm-mte release web" and "virsh resume" and a reset of the guest let it start again\|$' "cut: says what to do"
is "$(hold_of a web)" 1 "cut: it does not run without its tags"
at a destroy web

# --- a domain without the element, whose VM has MTE by the policy of all VMs ---

echo on >"$MTE/policy/default"
domain_xml plain '' 256 console=ttyAMA0 '' >/tmp/plain.xml
at a create /tmp/plain.xml || not_ok "without the element: it starts" "$(cat /tmp/libvirtd.a.log)"
is "$(cat "$(vm_dir "$(cat /a/run/qemu/plain.pid)")/origin"), hold $(hold_of a plain)" "policy, hold 0" "without the element: an ordinary start"
succeeds "without the element: virsh saves" at a save plain /tmp/plain.save
succeeds "without the element: virsh restores" at a restore /tmp/plain.save
is "$(at a domstate plain), hold $(hold_of a plain)" "running, hold 1" "without the element: the hook holds it"
at a destroy plain
is "$(by_module)" "" "no VM is left"
done_testing
