#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a file in contrib/ that the program it is for does not take: sos, Ansible, cloud-init, SELinux, AppArmor, libvirt's schema; a
# sos plugin that collects nothing; a role that changes something at its second run; an SELinux module that lets a VMM read or write
# guests' tags.
# where: here
# hooks: none
. "$TESTS/bed/here.sh"
# shellcheck source=tests/bed/checkers.sh
. "$TESTS/bed/checkers.sh"

checkers C
W=$RUN_DIR/contrib
mkdir -p "$W"
cp -r "$TOP/contrib/." "$W/"

cd "$W" || exit
debian() { in_debian "$C" "$@"; }

quiet "shellcheck: the hooks" shellcheck "$W/libvirt/kvm-mte" "$W/kubernetes/kvm-mte-oci-hook"

# --- sos ---

quiet "pycodestyle: the sos plugin" debian pycodestyle sos/kvm_mte.py
quiet "pyflakes: the sos plugin" debian pyflakes3 sos/kvm_mte.py
mkdir -p "$W"/sys/kernel/kvm_mte/{policy,vms/100-9} "$W/sos.out"
echo on >"$W/sys/kernel/kvm_mte/policy/default"
echo turning-on >"$W/sys/kernel/kvm_mte/vms/100-9/state"
printf '%s\n' '#!/bin/sh' 'echo "ran: $*"' >"$W/tool"
chmod +x "$W/tool"
# with_plugin and with_all make a machine with the plugin; with the module and the tool, too.
cat >"$W/with_plugin" <<'EOL'
cp sos/kvm_mte.py /usr/lib/python3/dist-packages/sos/report/plugins/
exec "$@"
EOL
cat >"$W/with_all" <<'EOL'
cp -r sys/. /sys/
cp tool /usr/local/sbin/kvm-mte
exec bash with_plugin "$@"
EOL
like "$(debian bash with_plugin sos report --list-plugins 2>&1)" '^ kvm_mte +inactive' "sos: loads the plugin; it is inactive where nothing of the project is"
debian bash with_all sos report --batch --build -o kvm_mte --tmp-dir "$W/sos.out" >"$W/sos.log" 2>&1
report=$(echo "$W"/sos.out/sosreport-*/)
is "$(cat "$report/sys/kernel/kvm_mte/policy/default" "$report/sys/kernel/kvm_mte/vms/100-9/state" 2>&1)" "on
turning-on" "sos: collects the module's files"
is "$(cat "$report"/sos_commands/kvm_mte/kvm-mte_* 2>&1 | LC_ALL=C sort)" "ran: check
ran: list
ran: list --json
ran: metrics
ran: policy
ran: status
ran: status --json" "sos: collects what the tool says, with commands that change nothing"

# --- Ansible ---

lint() { debian sh -c 'cd ansible && ansible-lint -q --offline --profile production kvm-mte.yml 2>&1'; }
quiet "ansible-lint: the role and the playbook, profile production" lint
sed 's/ansible.builtin.assert/assert/' "$W/ansible/roles/kvm_mte/tasks/main.yml" >"$W/bad.yml"
cp -r "$W/ansible" "$W/ansible.bad" && cp "$W/bad.yml" "$W/ansible.bad/roles/kvm_mte/tasks/main.yml"
like "$(debian sh -c 'cd ansible.bad && ansible-lint -q --offline --profile production kvm-mte.yml 2>&1')" fqcn "ansible-lint does find a mistake"
quiet "yamllint: all YAML" debian yamllint -s ansible kubernetes
# The role runs on this Debian twice, without what needs systemd and the module. Facts can be overridden: it is no arm64.
cat >"$W/play.yml" <<'EOL'
- hosts: localhost
  connection: local
  gather_facts: false
  vars:
    ansible_architecture: aarch64
    kvm_mte_packages: []
    kvm_mte_load: false
    kvm_mte_policy: "on"
    kvm_mte_options: migration=refuse
  roles: [kvm_mte]
EOL
cat >"$W/play" <<'EOL'
export ANSIBLE_ROLES_PATH=ansible/roles ANSIBLE_LOCALHOST_WARNING=false
mkdir -p /etc/modprobe.d /etc/modules-load.d
for i in 1 2; do
	ansible-playbook -i localhost, "$@" play.yml >play.$i 2>&1 || { cat play.$i; exit 1; }
	sed -n 's/^localhost .*\(changed=[0-9]*\) .*\(failed=[0-9]*\) .*/\1 \2/p' play.$i
done
grep -hv '^#' /etc/modprobe.d/kvm-mte.conf /etc/modules-load.d/kvm-mte.conf
stat -c %a /etc/modprobe.d/kvm-mte.conf
EOL
is "$(debian bash play 2>&1)" "changed=2 failed=0
changed=0 failed=0
options kvm_mte policy=on migration=refuse
kvm_mte
644" "Ansible: the role writes its files, and changes nothing at its second run"
like "$(debian bash play -e kvm_mte_policy=true 2>&1)" 'kvm_mte_policy must be request, on or off' "Ansible: a policy that is no policy is refused"
like "$(debian bash play -e ansible_architecture=x86_64 2>&1)" 'kvm_mte is for arm64' "Ansible: another architecture is refused"

# --- cloud-init, libvirt, Kubernetes ---

is "$(debian cloud-init schema --config-file cloud-init/kvm-mte.yaml 2>&1)" "Valid cloud-config: cloud-init/kvm-mte.yaml" "cloud-init: the schema"
is "$(debian virt-xml-validate libvirt/mte-on.xml domain 2>&1)" "libvirt/mte-on.xml validates" "libvirt: the domain's schema"
for f in "$W"/kubernetes/*.json; do
	is "$(jq -r '.version, .hook.path, .hook.args[1], (.when.annotations | to_entries[] | .key, .value), .stages[]' "$f" | tr '\n' ' ')" \
		"1.0.0 /usr/libexec/kvm-mte-oci-hook $(basename "$f" .json | sed 's/kvm-mte-//') ^kvm-mte/policy\$ ^$(basename "$f" .json | sed 's/kvm-mte-//')\$ createRuntime " \
		"Kubernetes: $(basename "$f")"
done

# --- SELinux: the module in Debian's own policy ---

cat >"$W/selinux.sh" <<'EOL'
set -e
cd selinux
checkmodule -M -m -o kvm_mte.mod kvm_mte.te
semodule_package -o kvm_mte.pp -m kvm_mte.mod -f kvm_mte.fc
semodule -s default -n -i kvm_mte.pp
cd /etc/selinux/default
echo "label: $(matchpathcon -n -f contexts/files/file_contexts /dev/kvm_mte)"
P=policy/policy.33
# may SOURCE TARGET CLASS PERMISSION - always; a rule that depends on a boolean ends with its name.
may() { [ -z "$(sesearch -A -s "$1" -t "$2" -c "$3" -p "$4" $P | grep -v '\]:')" ] || echo "$1: $4"; }
for who in unconfined_t init_t initrc_t virtd_t svirt_t qemu_t sshd_t user_t; do
	seinfo -t $who $P | grep -q '^Types: 1$' || echo "no $who"
	may $who kvm_mte_device_t chr_file open
done
may virtd_t sysfs_t file write
EOL
is "$(debian bash selinux.sh 2>&1 | grep -v 'not in password file')" "label: system_u:object_r:kvm_mte_device_t:s0
unconfined_t: open
init_t: open
initrc_t: open
virtd_t: write" "SELinux: the module links into Debian's policy; an admin and units get at the tags, VMMs and users do not; libvirt's daemon can write sysfs"

# --- AppArmor: the profile of libvirt's daemon, which the hook runs in ---

profile=$C/etc/apparmor.d/usr.sbin.libvirtd
like "$(cat "$profile")" '^ */etc/libvirt/hooks/\*\* rmix,' "AppArmor: Debian's profile lets libvirt's daemon run hooks, in its own profile"
like "$(cat "$profile")" '^ */\*\* rwmkl,' "AppArmor: and write the module's files"
done_testing
