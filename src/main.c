// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm_mte: the Memory Tagging Extension for KVM guests on arm64 hosts.  This file has only
 * the order of init and exit.
 */
#include <linux/kernel.h>
#include <linux/module.h>

#include "admin/admin.h"
#include "hook/hook.h"
#include "kvm/scan.h"
#include "kvm_mte.h"
#include "policy/migration.h"
#include "policy/policy.h"
#include "repair/repair.h"
#include "transfer/transfer.h"
#include "vm/backend.h"

static char *policy = "request";
module_param(policy, charp, 0444);
MODULE_PARM_DESC(policy, "policy for new VMs: request (default), on, off");

static char *migration = "warn";
module_param(migration, charp, 0444);
MODULE_PARM_DESC(migration, "migration of VMs without their tags: warn (default), refuse");

static char *hook = "auto";
module_param(hook, charp, 0444);
MODULE_PARM_DESC(hook, "how kernel functions are caught: auto (default), ftrace, kprobe");

static enum hook_mechanism mechanism;

static int __init kvm_mte_init(void)
{
	int err;

	vm_backend = &kvm_mte_backend;
	err = hook_parse_mechanism(hook, &mechanism);
	if (err)
		return err;
	err = policy_set_default(policy);
	if (err)
		return err;
	err = migration_set_default(migration);
	if (err)
		return err;
	err = cpu_check_host();
	if (err)
		return err;
	err = hook_table_resolve();
	if (err)
		return err;
	err = hook_selftest(mechanism);
	if (err)
		return err;
	err = cpu_watch_gmid();
	if (err)
		return err;
	err = admin_init();
	if (err)
		goto unwatch_gmid;
	err = hook_table_arm(mechanism);
	if (err)
		goto forget_vms;
	err = vm_backend->init();
	if (err)
		goto disarm_hooks;
	err = scan_vms();
	if (err)
		goto disarm_hooks;
	err = vm_backend->vms_known();
	if (err)
		goto disarm_hooks;
	/* The last step that can fail: a file of the device could outlive a module that fails. */
	err = transfer_init();
	if (err)
		goto disarm_hooks;
	vm_allow_set();

	pr_info("loaded: backend %s, %u hooks by %s, policy %s\n",
		vm_backend->name, hook_armed(), hook_mechanism_name(mechanism),
		policy_word());
	repair_log_missing();
	return 0;

disarm_hooks:
	registry_close();
	hook_table_disarm();
forget_vms:
	registry_close();
	registry_empty();
	vm_backend->exit();
	admin_exit();
	policy_exit();
unwatch_gmid:
	cpu_unwatch_gmid();
	return err;
}

static void __exit kvm_mte_exit(void)
{
	unsigned long missed;

	vm_forbid_set();
	transfer_exit();
	vm_backend->leave();
	registry_close();
	missed = hook_table_disarm();
	registry_empty();
	vm_backend->exit();
	admin_exit();
	policy_exit();
	cpu_unwatch_gmid();
	pr_info("unloaded: %lu calls missed\n", missed);
}

module_init(kvm_mte_init);
module_exit(kvm_mte_exit);

MODULE_DESCRIPTION("Memory Tagging Extension for KVM guests");
MODULE_AUTHOR("The kvm-mte authors");
MODULE_VERSION(KVM_MTE_VERSION);
MODULE_LICENSE("GPL");
