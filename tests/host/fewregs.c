// SPDX-License-Identifier: GPL-2.0-only
/*
 * LD_PRELOAD for a VMM: leaves the registers in FEW_REGS (hexadecimal, with commas) out of the answer
 * to KVM_GET_REG_LIST. So the VMM does not migrate registers that the KVM of another kernel does not
 * have, or whose value it does not take.
 */
#include <dlfcn.h>
#include <linux/kvm.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>

static bool left_out(unsigned long long reg)
{
	const char *text = getenv("FEW_REGS");
	char *end;

	while (text && *text) {
		if (strtoull(text, &end, 16) == reg)
			return true;
		text = *end ? end + 1 : end;
	}
	return false;
}

int ioctl(int fd, unsigned long request, ...)
{
	static int (*libc_ioctl)(int fd, unsigned long request, void *arg);
	struct kvm_reg_list *list;
	unsigned long i, n;
	va_list args;
	int ret;

	va_start(args, request);
	list = va_arg(args, void *);
	va_end(args);
	if (!libc_ioctl)
		libc_ioctl = (typeof(libc_ioctl))dlsym(RTLD_NEXT, "ioctl");
	ret = libc_ioctl(fd, request, list);
	if (request != KVM_GET_REG_LIST || ret)
		return ret;
	for (i = n = 0; i < list->n; i++) {
		if (!left_out(list->reg[i]))
			list->reg[n++] = list->reg[i];
	}
	list->n = n;
	return 0;
}
