# SPDX-License-Identifier: GPL-2.0-only
# sos plugin: collects what is needed to look into a problem with kvm_mte.
# Install it in the directory sos/report/plugins of Python's packages, for
# example /usr/lib/python3/dist-packages/sos/report/plugins.

from sos.report.plugins import (DebianPlugin, Plugin, RedHatPlugin,
                                SuSEPlugin, UbuntuPlugin)


# sos 4.0 of Debian 12 does not load an IndependentPlugin.
class KvmMte(Plugin, RedHatPlugin, DebianPlugin, UbuntuPlugin, SuSEPlugin):

    short_desc = 'Memory Tagging Extension for KVM guests'

    plugin_name = 'kvm_mte'
    profiles = ('system', 'virt')
    packages = ('kvm-mte-tools', 'kvm-mte-dkms')
    kernel_mods = ('kvm_mte',)
    commands = ('kvm-mte',)

    def setup(self):
        self.add_copy_spec([
            '/etc/default/kvm-mte',
            '/etc/modprobe.d/kvm-mte.conf',
            '/etc/modules-load.d/kvm-mte.conf',
            '/etc/libvirt/hooks/qemu.d/kvm-mte',
            '/sys/kernel/kvm_mte',
            '/sys/module/kvm_mte/parameters',
            '/sys/module/kvm_mte/srcversion',
            '/sys/module/kvm_mte/taint',
            '/sys/module/kvm_mte/version',
            # Which functions are hooked, also by others.
            '/sys/kernel/tracing/enabled_functions',
            '/sys/kernel/debug/kprobes/list',
            '/sys/kernel/debug/kprobes/enabled',
            '/proc/sys/kernel/ftrace_enabled',
            '/proc/sys/kernel/tainted',
        ])
        # None of these changes anything.
        self.add_cmd_output([
            'kvm-mte status',
            'kvm-mte status --json',
            'kvm-mte check',
            'kvm-mte list',
            'kvm-mte list --json',
            'kvm-mte policy',
            'kvm-mte metrics',
            'modinfo kvm_mte',
            'dkms status kvm-mte',
        ])
        self.add_journal(identifier='kvm-mte')
        self.add_journal(units=['kvm-mte-policy'])

# vim: set et ts=4 sw=4 :
