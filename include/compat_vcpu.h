/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between kernels in a vCPU.  This file is a part of compat.h, which includes it. */
#ifndef _KVM_MTE_COMPAT_VCPU_H
#define _KVM_MTE_COMPAT_VCPU_H

/* Has a vCPU ever run?  Has it been initialised? */
static inline bool compat_vcpu_has_run(const struct kvm_vcpu *vcpu)
{
#ifdef vcpu_has_run_once
	return vcpu_has_run_once(vcpu);
#else
	return READ_ONCE(vcpu->arch.has_run_once);
#endif
}

static inline bool compat_vcpu_is_initialised(const struct kvm_vcpu *vcpu)
{
#ifdef kvm_vcpu_initialized
	return kvm_vcpu_initialized(vcpu);
#else
	return vcpu->arch.target >= 0;
#endif
}

/*
 * The task that last ran a vCPU, or NULL.  Inside rcu_read_lock().  Newer kernels have a
 * lock for the pid.
 */
static inline struct task_struct *compat_vcpu_task(struct kvm_vcpu *vcpu)
{
#ifdef HAVE_VCPU_PID_LOCK
	struct task_struct *task;

	read_lock(&vcpu->pid_lock);
	task = pid_task(vcpu->pid, PIDTYPE_PID);
	read_unlock(&vcpu->pid_lock);
	return task;
#else
	return pid_task(rcu_dereference(vcpu->pid), PIDTYPE_PID);
#endif
}

/* kvm_vcpu_kick(), a function of its own or a wrapper of __kvm_vcpu_kick(). */
#ifdef HAVE_VCPU_KICK_WAIT
typedef void compat_vcpu_kick_t(struct kvm_vcpu *vcpu, bool wait);
#define compat_vcpu_kick(fn, vcpu)	(fn)(vcpu, false)
#define COMPAT_FOR_KICK			COMPAT_FOR_NONE
#define COMPAT_FOR_KICK_WAIT		COMPAT_FOR_ALL
#else
typedef void compat_vcpu_kick_t(struct kvm_vcpu *vcpu);
#define compat_vcpu_kick(fn, vcpu)	(fn)(vcpu)
#define COMPAT_FOR_KICK			COMPAT_FOR_ALL
#define COMPAT_FOR_KICK_WAIT		COMPAT_FOR_NONE
#endif

/* May KVM_RUN enter the guest?  Not if its VMM has set immediate_exit (api.rst 5). */
static inline bool compat_vcpu_wants_to_run(const struct kvm_vcpu *vcpu)
{
#ifdef HAVE_VCPU_WANTS_TO_RUN
	return vcpu->wants_to_run;
#else
	return !READ_ONCE(vcpu->run->immediate_exit);
#endif
}

/*
 * Features of a vCPU that exclude MTE.  KVM shows no MTE to a guest with EL2 (nested
 * virtualization).
 */
#ifdef KVM_ARM_VCPU_HAS_EL2
#define COMPAT_NO_MTE_FEATURES	(BIT(KVM_ARM_VCPU_EL1_32BIT) | BIT(KVM_ARM_VCPU_HAS_EL2))
#define compat_has_nested()	cpus_have_final_cap(ARM64_HAS_NESTED_VIRT)
#else
#define COMPAT_NO_MTE_FEATURES	BIT(KVM_ARM_VCPU_EL1_32BIT)
#define compat_has_nested()	false
#endif

#endif /* _KVM_MTE_COMPAT_VCPU_H */
