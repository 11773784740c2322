/* SPDX-License-Identifier: GPL-2.0-only */
/* These come first, because on some vendors' kernels they include trace headers. */
#include <linux/kvm_host.h>
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/user_namespace.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_mte

#if !defined(_KVM_MTE_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KVM_MTE_TRACE_H

#include <linux/tracepoint.h>

struct mte_vm;

/* So that the format files in tracefs have numbers, which perf and trace-cmd need. */
TRACE_DEFINE_ENUM(VM_OFF);
TRACE_DEFINE_ENUM(VM_ON);
TRACE_DEFINE_ENUM(VM_TURNING_ON);
TRACE_DEFINE_ENUM(VM_TURNING_OFF);

TRACE_DEFINE_ENUM(ORIGIN_NONE);
TRACE_DEFINE_ENUM(ORIGIN_VMM);
TRACE_DEFINE_ENUM(ORIGIN_POLICY);
TRACE_DEFINE_ENUM(ORIGIN_ADMIN);

TRACE_DEFINE_ENUM(REFUSED_32BIT);
TRACE_DEFINE_ENUM(REFUSED_SLOT);
TRACE_DEFINE_ENUM(REFUSED_PAGE);
TRACE_DEFINE_ENUM(REFUSED_MIGRATION);

#define show_vm_state(state)			\
	__print_symbolic(state,			\
			 { VM_OFF, "off" },	\
			 { VM_ON, "on" },	\
			 { VM_TURNING_ON, "turning-on" },	\
			 { VM_TURNING_OFF, "turning-off" })

#define show_vm_origin(origin)			\
	__print_symbolic(origin,		\
			 { ORIGIN_NONE, "none" },	\
			 { ORIGIN_VMM, "vmm" },	\
			 { ORIGIN_POLICY, "policy" },	\
			 { ORIGIN_ADMIN, "admin" })

#define show_refused(what)			\
	__print_symbolic(what,			\
			 { REFUSED_32BIT, "vcpu" },	\
			 { REFUSED_SLOT, "slot" },	\
			 { REFUSED_PAGE, "page" },	\
			 { REFUSED_MIGRATION, "migration" })

/* A VM has changed its state. */
TRACE_EVENT(kvm_mte_state,
	TP_PROTO(const struct mte_vm *vm, int from, int to),
	TP_ARGS(vm, from, to),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, fd)
		__field(int, from)
		__field(int, to)
	),
	TP_fast_assign(
		__entry->pid = vm->creator;
		__entry->fd = vm->fd;
		__entry->from = from;
		__entry->to = to;
	),
	TP_printk("vm=%d-%d %s -> %s", __entry->pid, __entry->fd,
		  show_vm_state(__entry->from), show_vm_state(__entry->to))
);

/* A request has changed a VM's state.  by_uid, by_pid, by_comm: of the calling process. */
TRACE_EVENT(kvm_mte_set,
	TP_PROTO(const struct mte_vm *vm, bool on, int origin),
	TP_ARGS(vm, on, origin),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, fd)
		__field(bool, on)
		__field(int, origin)
		__field(uid_t, by_uid)
		__field(pid_t, by_pid)
		__array(char, by_comm, TASK_COMM_LEN)
	),
	TP_fast_assign(
		__entry->pid = vm->creator;
		__entry->fd = vm->fd;
		__entry->on = on;
		__entry->origin = origin;
		__entry->by_uid = from_kuid_munged(&init_user_ns, current_uid());
		__entry->by_pid = current->tgid;
		memcpy(__entry->by_comm, current->comm, TASK_COMM_LEN);
	),
	TP_printk("vm=%d-%d %s origin=%s uid=%u pid=%d comm=%s", __entry->pid, __entry->fd,
		  __entry->on ? "on" : "off", show_vm_origin(__entry->origin),
		  __entry->by_uid, __entry->by_pid, __entry->by_comm)
);

/*
 * On inject: tags were cleared before a mapping was created.  size: of the mapping, in bytes.
 * pages: number of base pages whose tags were cleared.
 */
TRACE_EVENT(kvm_mte_clear_tags,
	TP_PROTO(const struct mte_vm *vm, u64 ipa, u64 size, unsigned int pages),
	TP_ARGS(vm, ipa, size, pages),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, fd)
		__field(u64, ipa)
		__field(u64, size)
		__field(unsigned int, pages)
	),
	TP_fast_assign(
		__entry->pid = vm->creator;
		__entry->fd = vm->fd;
		__entry->ipa = ipa;
		__entry->size = size;
		__entry->pages = pages;
	),
	TP_printk("vm=%d-%d ipa=0x%llx size=0x%llx pages=%u", __entry->pid,
		  __entry->fd, __entry->ipa, __entry->size, __entry->pages)
);

/* The module has refused MTE, a 32-bit vCPU, a memory slot, a page to be mapped, or a migration. */
TRACE_EVENT(kvm_mte_refuse,
	TP_PROTO(const struct mte_vm *vm, int what, u64 ipa, int err),
	TP_ARGS(vm, what, ipa, err),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, fd)
		__field(int, what)
		__field(u64, ipa)
		__field(int, err)
	),
	TP_fast_assign(
		__entry->pid = vm->creator;
		__entry->fd = vm->fd;
		__entry->what = what;
		__entry->ipa = ipa;
		__entry->err = err;
	),
	TP_printk("vm=%d-%d %s ipa=0x%llx err=%d", __entry->pid, __entry->fd,
		  show_refused(__entry->what), __entry->ipa, __entry->err)
);

/* On inject: tags of a page were restored from swap; addr is an address of the VMM. */
TRACE_EVENT(kvm_mte_restore_tags,
	TP_PROTO(const struct mte_vm *vm, unsigned long addr),
	TP_ARGS(vm, addr),
	TP_STRUCT__entry(
		__field(pid_t, pid)
		__field(int, fd)
		__field(unsigned long, addr)
	),
	TP_fast_assign(
		__entry->pid = vm->creator;
		__entry->fd = vm->fd;
		__entry->addr = addr;
	),
	TP_printk("vm=%d-%d addr=0x%lx", __entry->pid, __entry->fd, __entry->addr)
);

#endif /* _KVM_MTE_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
