// SPDX-License-Identifier: GPL-2.0-only
/* nanoseconds - prints the guest's virtual counter, in nanoseconds: the age of the VM. */
#include <stdint.h>
#include <stdio.h>

int main(void)
{
	uint64_t now, hz;

	asm volatile("isb; mrs %0, cntvct_el0" : "=r" (now) : : "memory");
	asm volatile("mrs %0, cntfrq_el0" : "=r" (hz));
	printf("%lu\n", (unsigned long)(now * (1000000000.0 / hz)));
	return 0;
}
