/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between kernels in the flags for a page's tags, and in the functions
 * that repairs hook.  This file is a part of compat.h, which includes it.
 */
#ifndef _KVM_MTE_COMPAT_TAGS_H
#define _KVM_MTE_COMPAT_TAGS_H

/*
 * May this caller initialise a page's tags?  Some kernels have a second flag,
 * PG_mte_lock, that locks PG_mte_tagged.  On these kernels a caller initialises the page
 * only if it gets PG_mte_lock.
 */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define COMPAT_TAGGED_HAS_LOCK	1
#define compat_try_page_mte_tagging(page)	try_page_mte_tagging(page)
#elif defined(HAVE_PAGE_MTE_TAGGED)
#define compat_try_page_mte_tagging(page)	(!page_mte_tagged(page))
#endif
#ifndef COMPAT_TAGGED_HAS_LOCK
#define COMPAT_TAGGED_HAS_LOCK	0
#endif

/* Since 6.13 a hugetlb page has one flag for all of its tags: that of its first page. */
#ifdef HAVE_HUGETLB_MTE_TAGGING
#define compat_has_hugetlb_flag(page)	PageHuge(page)
#define compat_hugetlb_mte_tagged(page)	\
	folio_test_hugetlb_mte_tagged(page_folio(page))
#define compat_try_hugetlb_mte_tagging(page)	\
	folio_try_hugetlb_mte_tagging(page_folio(page))
#define compat_set_hugetlb_mte_tagged(page)	\
	folio_set_hugetlb_mte_tagged(page_folio(page))
#else
#define compat_has_hugetlb_flag(page)	false
#define compat_hugetlb_mte_tagged(page)	false
#define compat_try_hugetlb_mte_tagging(page)	false
#define compat_set_hugetlb_mte_tagged(page)	do { } while (0)
#endif

/*
 * From 6.2 to 6.12 KVM refuses hugetlb memory for VMs with MTE, and the module makes KVM
 * take it: repair/hugetlb_slots.c.
 */
#ifdef HAVE_HUGETLB_MTE_TAGGING
#define COMPAT_REFUSES_HUGETLB	0
#define COMPAT_FOR_NATIVE_HUGETLB_FLAG	COMPAT_FOR_NATIVE
#define COMPAT_FOR_NATIVE_HUGETLB_SLOTS	COMPAT_FOR_NONE
#elif defined(HAVE_TRY_PAGE_MTE_TAGGING)
#define COMPAT_REFUSES_HUGETLB	1
#define COMPAT_FOR_NATIVE_HUGETLB_FLAG	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_HUGETLB_SLOTS	COMPAT_FOR_NATIVE
#else
#define COMPAT_REFUSES_HUGETLB	0
#define COMPAT_FOR_NATIVE_HUGETLB_FLAG	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_HUGETLB_SLOTS	COMPAT_FOR_NONE
#endif

/*
 * Does the module make KVM take hugetlb memory?  Not if hugetlb pages may share their struct
 * pages: see COMPAT_SHARES_STRUCTS.
 */
#define COMPAT_OPENS_HUGETLB	\
	(COMPAT_REFUSES_HUGETLB && !IS_ENABLED(CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP))

/* If PG_mte_tagged has a lock: the function by which KVM_ARM_MTE_COPY_TAGS gets a page. */
#if !defined(HAVE_TRY_PAGE_MTE_TAGGING)
#define COMPAT_FOR_NATIVE_COPY_BY_PAGE	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_COPY_BY_PFN	COMPAT_FOR_NONE
#elif defined(HAVE_GFN_TO_PAGE_WRITE)
#define COMPAT_FOR_NATIVE_COPY_BY_PAGE	COMPAT_FOR_NATIVE
#define COMPAT_FOR_NATIVE_COPY_BY_PFN	COMPAT_FOR_NONE
#define COMPAT_WRAP_COPY_TAGS(wants)					\
	HOOK_WRAP_WAITS(__gfn_to_page, wants, struct page *,		\
			(struct kvm *kvm, gfn_t gfn, bool write), (kvm, gfn, write))
#define compat_original_copy_tags()	original(__gfn_to_page)(kvm, gfn, write)
#define compat_copy_tags_page_t		struct page *
#define compat_copy_tags_page(page)	(page)
#else
#define COMPAT_FOR_NATIVE_COPY_BY_PAGE	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_COPY_BY_PFN	COMPAT_FOR_NATIVE
#define COMPAT_WRAP_COPY_TAGS(wants)					\
	HOOK_WRAP_WAITS(gfn_to_pfn_prot, wants, kvm_pfn_t,		\
			(struct kvm *kvm, gfn_t gfn, bool write, bool *writable), \
			(kvm, gfn, write, writable))
#define compat_original_copy_tags()	\
	original(gfn_to_pfn_prot)(kvm, gfn, write, writable)
#define compat_copy_tags_page_t		kvm_pfn_t
#define compat_copy_tags_page(pfn)	\
	(is_error_noslot_pfn(pfn) || !pfn_valid(pfn) ? NULL : pfn_to_page(pfn))
#endif

/*
 * The struct pages of a large hugetlb page's tail are nearly all alike.  So some
 * kernels keep one page of struct pages, and map it read-only in place of the others
 * (hugetlb_free_vmemmap=on).  Such a hugetlb page has no room for flags of its tail.
 * HAVE_SHARED_STRUCTS is the kernel's own test for such a page.
 */
#if defined(HAVE_SHARED_STRUCTS) && defined(HAVE_FREE_HUGE_FOLIO)
#define compat_has_shared_structs(head)	\
	folio_test_hugetlb_vmemmap_optimized(page_folio(head))
#define COMPAT_SHARES_STRUCTS		IS_ENABLED(CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP)
#elif defined(HAVE_SHARED_STRUCTS)
#define compat_has_shared_structs(head)	HAVE_SHARED_STRUCTS(head)
#define COMPAT_SHARES_STRUCTS		1
#else
#define compat_has_shared_structs(head)	((void)(head), false)
#define COMPAT_SHARES_STRUCTS		0
#if !defined(HAVE_KVM_CAP_ARM_MTE) && \
	(defined(CONFIG_HUGETLB_PAGE_FREE_VMEMMAP) || defined(CONFIG_HUGETLB_PAGE_OPTIMIZE_VMEMMAP))
#error "kvm_mte: HUGETLB_PAGE_FREE_VMEMMAP shares struct pages, and does not say of which pages"
#endif
#endif

/* On some kernels set_pte_at() restores tags, but for readable memory only. */
#ifdef HAVE_MTE_SYNC_OLD_PTE
#define COMPAT_FOR_NATIVE_SWAPOFF	COMPAT_FOR_NATIVE
#else
#define COMPAT_FOR_NATIVE_SWAPOFF	COMPAT_FOR_NONE
#endif

/* The function that tells the memory controller of a split: repair/thp_split.c. */
#if defined(HAVE_FOLIO_SPLIT_MEMCG_REFS)
#define COMPAT_FOR_NATIVE_SPLIT_FOLIO	COMPAT_FOR_NATIVE
#define COMPAT_FOR_NATIVE_SPLIT_PAGE	COMPAT_FOR_NONE
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH3(folio_split_memcg_refs, void, struct folio *, folio, \
		    unsigned int, old_order, unsigned int, new_order)
#define COMPAT_SPLIT_HEAD	(&folio->page)
#elif defined(HAVE_SPLIT_PAGE_MEMCG_ORDERS)
#define COMPAT_FOR_NATIVE_SPLIT_FOLIO	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_SPLIT_PAGE	COMPAT_FOR_NATIVE
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH3(split_page_memcg, void, struct page *, head,	\
		    int, old_order, int, new_order)
#define COMPAT_SPLIT_HEAD	(head)
#else
#define COMPAT_FOR_NATIVE_SPLIT_FOLIO	COMPAT_FOR_NONE
#define COMPAT_FOR_NATIVE_SPLIT_PAGE	COMPAT_FOR_NATIVE
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH2(split_page_memcg, void, struct page *, head, unsigned int, nr)
#define COMPAT_SPLIT_HEAD	(head)
#endif

/*
 * Where huge pages are larger than 2 MiB, and PG_mte_tagged has a lock: hooks clear
 * the tags of a huge page before its references are frozen.
 */
#if defined(HAVE_TRY_PAGE_MTE_TAGGING) && PAGE_SHIFT > 12
#define COMPAT_SPLIT_AHEAD	1
#define TAGS_CHUNK_SPLIT	(SZ_2M / PAGE_SIZE)
#define COMPAT_FOR_NATIVE_SPLIT_AHEAD	COMPAT_FOR_NATIVE
#else
#define COMPAT_FOR_NATIVE_SPLIT_AHEAD	COMPAT_FOR_NONE
#endif

/*
 * Up to 6.12, hugetlb pages keep PG_mte_tagged when they are freed.  So a page in the pool may
 * have it when the module is loaded.  From 6.2 on, only KVM_ARM_MTE_COPY_TAGS and an earlier
 * load of the module can have set it.
 */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define COMPAT_HUGETLB_REUSED	COMPAT_REFUSES_HUGETLB
#define COMPAT_FOR_NATIVE_HUGETLB_POOL	COMPAT_FOR_NONE
#else
#define COMPAT_HUGETLB_REUSED	1
#define COMPAT_FOR_NATIVE_HUGETLB_POOL	COMPAT_FOR_NATIVE
#endif

/*
 * Was this hugetlb page mapped, or put into a file, since it left its pool?  Up to 5.11 the
 * second struct page has the flag (mm/hugetlb.c:page_huge_active()).
 */
#if defined(HAVE_KVM_CAP_ARM_MTE)
#define compat_hugetlb_was_mapped(page)	folio_test_hugetlb_migratable(page_folio(page))
#elif defined(HAVE_HPAGE_MIGRATABLE)
#define compat_hugetlb_was_mapped(page)	HAVE_HPAGE_MIGRATABLE(page)
#else
#define compat_hugetlb_was_mapped(page)	PagePrivate(&(page)[1])
#endif

/* The function that returns a hugetlb page to its pool. */
#if COMPAT_REFUSES_HUGETLB
#define COMPAT_WRAP_FREE_HUGETLB	\
	HOOK_WRAP_VOID(free_huge_folio, (struct folio *folio), (folio))
#define compat_original_free_hugetlb()	original(free_huge_folio)(folio)
#define COMPAT_FREED_HUGETLB		(&folio->page)
#else
#define COMPAT_WRAP_FREE_HUGETLB	\
	HOOK_WRAP_VOID(free_huge_page, (struct page *page), (page))
#define compat_original_free_hugetlb()	original(free_huge_page)(page)
#define COMPAT_FREED_HUGETLB		(page)
#endif

/*
 * Clears PG_mte_tagged.  PG_mte_lock goes with it, and at the same time: a task that finds
 * the lock taken waits until PG_mte_tagged is set.
 */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define compat_clear_page_mte_tagged(page)	\
	set_mask_bits(&(page)->flags, BIT(PG_mte_tagged) | BIT(PG_mte_lock), 0)
#else
#define compat_clear_page_mte_tagged(page)	clear_bit(PG_mte_tagged, &(page)->flags)
#endif

#endif /* _KVM_MTE_COMPAT_TAGS_H */
