// SPDX-License-Identifier: GPL-2.0-only
#include "hook/hook.h"
#include "repair/repair.h"

/**
 * repair_word - the status of a repair
 * @repair: the repair
 *
 * A repair is not needed on this kernel if no row of the table of hooks names it.
 * On-demand hooks count as armed, because they are armed while a VM has MTE.
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
