// SPDX-License-Identifier: GPL-2.0-only
/* Creates the tracepoints. */
#include <linux/kvm_host.h>

#include "kvm_private.h"
#include "vm/vm.h"

/*
 * After all others: some vendors' kernel headers include trace headers of their own,
 * whose tracepoints would be created here too.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
