// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reset values of the MTE registers. They are architecturally UNKNOWN. They must not be values of
 * another vCPU or of the host, nor the vCPU's own values before the reset. So they must always be
 * the same.
 */
#include <pthread.h>
#include <string.h>

#include "client.h"

#define PSCI_CPU_OFF		0x84000002
#define PSCI_CPU_ON		0xc4000003
#define PSCI_AFFINITY_INFO	0xc4000004
#define AFFINITY_OFF		1

static u64 first[MTE_REGS];

static void get(struct vcpu *v, u64 *val)
{
	vcpu_cmd(v, CMD_MTE_GET);
	memcpy(val, v->mb->ret, sizeof(first));
}

static void same(const u64 *val, const char *whose)
{
	int i;

	for (i = 0; i < MTE_REGS; i++)
		is(val[i], first[i], "%s: %s", whose, mte_reg_name[i]);
}

static void fresh_vm(const char *whose)
{
	struct vm *vm = vm_ready(1);
	u64 val[MTE_REGS];

	get(&vm->vcpu[0], val);
	same(val, whose);
	vm_destroy(vm);
}

static void in_one_vm(struct vm *vm)
{
	u64 val[MTE_REGS];

	vcpu_cmd(&vm->vcpu[0], CMD_MTE_WRITE, opt.seed);
	get(&vm->vcpu[1], val);
	same(val, "second vCPU, the first has written");
	vcpu_init(&vm->vcpu[0]);
	get(&vm->vcpu[0], val);
	same(val, "first vCPU initialised again");
	vcpu_cmd(&vm->vcpu[0], CMD_MTE_WRITE, opt.seed + 1);
	fresh_vm("another VM while the first has written");
}

/*
 * Before a vCPU's first run KVM_GET_ONE_REG may show bits that the registers do not have. So two
 * vCPUs are compared with each other, not with first[].
 */
static void before_run(void)
{
	struct vm *a = vm_ready(1), *b = vm_ready(1);
	int i;

	vcpu_cmd(&a->vcpu[0], CMD_MTE_WRITE, opt.seed);
	vcpu_init(&a->vcpu[0]);
	for (i = 0; i < MTE_REGS; i++)
		is(reg_must_get(&a->vcpu[0], mte_reg_id[i]),
		   reg_must_get(&b->vcpu[0], mte_reg_id[i]),
		   "KVM_GET_ONE_REG before the first run: %s of a used and a new vCPU",
		   mte_reg_name[i]);
	vm_destroy(a);
	vm_destroy(b);
}

static void *secondary(void *arg)
{
	static u64 val[MTE_REGS];
	struct vcpu *v = arg;

	if (vcpu_run(v))
		die("KVM_RUN of the second vCPU");
	memcpy(val, v->mb->ret, sizeof(val));
	same(val, "vCPU started by PSCI");
	vcpu_cmd(v, CMD_MTE_WRITE, opt.seed + 2);
	/* Returns when the vCPU is on again and has done the command that is then in the mailbox. */
	vcpu_cmd(v, CMD_PSCI, PSCI_CPU_OFF);
	memcpy(val, v->mb->ret, sizeof(val));
	same(val, "vCPU turned off and on again by PSCI");
	return NULL;
}

static long cpu_on(struct vm *vm)
{
	u64 context = GUEST_CODE + GUEST_MAILBOXES + GUEST_MAILBOX_STRIDE;

	vm->vcpu[1].mb->cmd = CMD_MTE_GET;
	return vcpu_cmd(&vm->vcpu[0], CMD_PSCI, PSCI_CPU_ON, 1, GUEST_CODE, context);
}

static void by_psci(void)
{
	struct vm *vm = vm_ready(1);
	struct vcpu *v = vcpu_create(vm);
	pthread_t t;

	vcpu_init_off(v);
	pthread_create(&t, NULL, secondary, v);
	is(cpu_on(vm), 0, "PSCI CPU_ON");
	while (vcpu_cmd(&vm->vcpu[0], CMD_PSCI, PSCI_AFFINITY_INFO, 1, 0) != AFFINITY_OFF)
		;
	is(cpu_on(vm), 0, "PSCI CPU_ON again");
	pthread_join(t, NULL);
	vm_destroy(vm);
}

CASE(reset,
     "MTE registers that survive a vCPU's reset, or come from another vCPU")
{
	struct vm *vm = vm_ready(2);

	get(&vm->vcpu[0], first);
	diag("GCR %#lx, RGSR %#lx, TFSR %#lx, TFSRE0 %#lx", first[0], first[1], first[2], first[3]);
	is(vm->vcpu[0].mb->ret[MTE_REGS], 0, "the guest has the registers");
	in_one_vm(vm);
	vm_destroy(vm);
	fresh_vm("a VM after that one");
	host_mte_mode(HOST_TCF_NONE, 0x00f0);
	fresh_vm("a VM of a thread with other tags allowed");
	host_mte_mode(HOST_TCF_NONE, 0xfffe);
	fresh_vm("a VM of a thread with all but tag 0 allowed");
	before_run();
	by_psci();
	return 0;
}
