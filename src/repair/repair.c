// SPDX-License-Identifier: GPL-2.0-only
#include <linux/printk.h>

#include "compat.h"
#include "hook/hook.h"
#include "repair/repair.h"

/* The holes that this kernel has and the module does not close: compat_tags.h. */
static const unsigned long missing =
	COMPAT_REFUSES_HUGETLB && !COMPAT_OPENS_HUGETLB ? HUGETLB_SLOTS : 0;

/**
 * repair_word - the status of a repair
 * @repair: the repair
 *
 * A repair is not needed on this kernel if no row of the table of hooks names it.
 * On-demand hooks count as armed, because they are armed while a VM needs them.
 *
 * Context: any.
 * Return: a word for sysfs; "unavailable" if one of its hooks is not armed or has no
 * effect because the function's text was rewritten, or if hugetlb pages share their
 * struct pages (hugetlb_slots).
 */
const char *repair_word(unsigned long repair)
{
	if (repair & missing)
		return "unavailable";
	if (!hook_group_exists(repair))
		return "not-needed";
	return hook_group_works(repair) ? "active" : "unavailable";
}

/**
 * repair_log_missing - log why a repair that this kernel needs is missing
 *
 * Context: module init.
 */
void repair_log_missing(void)
{
	if (missing & HUGETLB_SLOTS)
		pr_notice("repair hugetlb_slots is unavailable: hugetlb pages may share their struct pages (HUGETLB_PAGE_OPTIMIZE_VMEMMAP)\n");
}
