// SPDX-License-Identifier: GPL-2.0-only
#include "hook/hook.h"
#include "repair/repair.h"

/**
 * repair_word - what the module does about a hole of the kernel
 * @repair: the repair
 *
 * A repair that no row of the table of hooks names is not needed on this kernel.  An
 * on-demand hook counts as armed: it is, whenever a VM has MTE.
 *
 * Context: any.
 * Return: a word for sysfs; "unavailable" if one of its hooks is not armed, or does
 * not take effect because the function's text was rewritten.
 */
const char *repair_word(unsigned long repair)
{
	if (!hook_group_exists(repair))
		return "not-needed";
	return hook_group_works(repair) ? "active" : "unavailable";
}
