// SPDX-License-Identifier: GPL-2.0-only
/* Creates the tracepoints. */
#include <linux/kvm_host.h>

#include "kvm_private.h"
#include "vm/vm.h"

/*
 * This include must be the last one.  Some vendors' kernel headers include trace headers.
 * If one of them came after CREATE_TRACE_POINTS, its tracepoints would be created here too.
 */
#define CREATE_TRACE_POINTS
#include "trace.h"
