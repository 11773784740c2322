// SPDX-License-Identifier: GPL-2.0-only
#include "compat.h"
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
 * Return: a word for sysfs; "unavailable" if one of its hooks is not armed or has no
 * effect because the function's text was rewritten, or if hugetlb pages share their
 * struct pages (hugetlb_slots).
 */
const char *repair_word(unsigned long repair)
{
	if (repair == HUGETLB_SLOTS && COMPAT_REFUSES_HUGETLB && !COMPAT_OPENS_HUGETLB)
		return "unavailable";
	if (!hook_group_exists(repair))
		return "not-needed";
	return hook_group_works(repair) ? "active" : "unavailable";
}
