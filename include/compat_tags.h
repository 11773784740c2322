/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between kernels in the flags of a page's tags, and in the functions
 * that repairs hook.  A part of compat.h, which includes it.
 */
#ifndef _KVM_MTE_COMPAT_TAGS_H
#define _KVM_MTE_COMPAT_TAGS_H

/*
 * The flag of a page's tags.  Where the kernel has a second one to lock the first
 * with, a page is ours to initialise only if we get that.
 */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define compat_try_page_mte_tagging(page)	try_page_mte_tagging(page)
#elif defined(HAVE_PAGE_MTE_TAGGED)
#define compat_try_page_mte_tagging(page)	(!page_mte_tagged(page))
#endif

/* Since 6.13 a hugetlb page has one flag, its first page's, for all of its tags. */
#ifdef HAVE_HUGETLB_MTE_TAGGING
#define COMPAT_HOOKS_FAULTIN(X)	X(__kvm_faultin_pfn, "tags of whole hugetlb pages")
#define COMPAT_NEEDS_PARTIAL(X)						\
	X(REPAIR_HUGETLB_PARTIAL, __kvm_faultin_pfn)			\
	X(REPAIR_HUGETLB_PARTIAL, __gfn_to_page)
#define compat_has_hugetlb_flag(page)	PageHuge(page)
#define compat_hugetlb_mte_tagged(page)	\
	folio_test_hugetlb_mte_tagged(page_folio(page))
#define compat_try_hugetlb_mte_tagging(page)	\
	folio_try_hugetlb_mte_tagging(page_folio(page))
#define compat_set_hugetlb_mte_tagged(page)	\
	folio_set_hugetlb_mte_tagged(page_folio(page))
#else
#define COMPAT_HOOKS_FAULTIN(X)
#define COMPAT_NEEDS_PARTIAL(X)
#define compat_has_hugetlb_flag(page)	false
#define compat_hugetlb_mte_tagged(page)	false
#define compat_try_hugetlb_mte_tagging(page)	false
#define compat_set_hugetlb_mte_tagged(page)	do { } while (0)
#endif

/* Where KVM_ARM_MTE_COPY_TAGS gets a page from whose flag has a lock. */
#if !defined(HAVE_TRY_PAGE_MTE_TAGGING)
#define COMPAT_HOOKS_COPY_TAGS(X)
#define COMPAT_NEEDS_COPY_TAGS(X)
#elif defined(HAVE_GFN_TO_PAGE_WRITE)
#define COMPAT_HOOKS_COPY_TAGS(X)	X(__gfn_to_page, "locks of tags that are copied")
#define COMPAT_NEEDS_COPY_TAGS(X)	X(REPAIR_COPY_TAGS_HANG, __gfn_to_page)
#define COMPAT_WRAP_COPY_TAGS(wants)					\
	HOOK_WRAP_WAITS(__gfn_to_page, wants, struct page *,		\
			(struct kvm *kvm, gfn_t gfn, bool write), (kvm, gfn, write))
#define compat_original_copy_tags()	original(__gfn_to_page)(kvm, gfn, write)
#define compat_copy_tags_page_t		struct page *
#define compat_copy_tags_page(page)	(page)
#else
#define COMPAT_HOOKS_COPY_TAGS(X)	X(gfn_to_pfn_prot, "locks of tags that are copied")
#define COMPAT_NEEDS_COPY_TAGS(X)	X(REPAIR_COPY_TAGS_HANG, gfn_to_pfn_prot)
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

/* Until set_pte_at() left tags alone, it restored those of readable memory only. */
#ifdef HAVE_MTE_SYNC_OLD_PTE
#define COMPAT_HOOKS_SWAPOFF(X)	X(ksm_might_need_to_copy, "tags that swapoff reads back")
#define COMPAT_NEEDS_SWAPOFF(X)	X(REPAIR_SWAPOFF_UNREADABLE, ksm_might_need_to_copy)
#define COMPAT_CALLS_SWAPOFF(X)	X(restore_tags, mte_restore_tags)
#else
#define COMPAT_HOOKS_SWAPOFF(X)
#define COMPAT_NEEDS_SWAPOFF(X)
#define COMPAT_CALLS_SWAPOFF(X)
#endif

/* What tells the memory controller of a huge page that is split: repair/thp_split.c. */
#if defined(HAVE_FOLIO_SPLIT_MEMCG_REFS)
#define COMPAT_HOOKS_SPLIT(X)	X(folio_split_memcg_refs, "tags of split huge pages")
#define COMPAT_NEEDS_SPLIT(X)	X(REPAIR_THP_SPLIT, folio_split_memcg_refs)
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH3(folio_split_memcg_refs, void, struct folio *, folio, \
		    unsigned int, old_order, unsigned int, new_order)
#define COMPAT_SPLIT_HEAD	(&folio->page)
#elif defined(HAVE_SPLIT_PAGE_MEMCG_ORDERS)
#define COMPAT_HOOKS_SPLIT(X)	X(split_page_memcg, "tags of split huge pages")
#define COMPAT_NEEDS_SPLIT(X)	X(REPAIR_THP_SPLIT, split_page_memcg)
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH3(split_page_memcg, void, struct page *, head,	\
		    int, old_order, int, new_order)
#define COMPAT_SPLIT_HEAD	(head)
#else
#define COMPAT_HOOKS_SPLIT(X)	X(split_page_memcg, "tags of split huge pages")
#define COMPAT_NEEDS_SPLIT(X)	X(REPAIR_THP_SPLIT, split_page_memcg)
#define COMPAT_WATCH_SPLIT						\
	HOOK_WATCH2(split_page_memcg, void, struct page *, head, unsigned int, nr)
#define COMPAT_SPLIT_HEAD	(head)
#endif

/*
 * Where huge pages are larger than 2 MiB, and a page's flag has a lock: what clears
 * their tags before they are frozen.
 */
#if defined(HAVE_TRY_PAGE_MTE_TAGGING) && PAGE_SHIFT > 12
#define COMPAT_SPLIT_AHEAD	1
#define TAGS_CHUNK_SPLIT	(SZ_2M / PAGE_SIZE)
#define COMPAT_HOOKS_SPLIT_AHEAD(X)					\
	X(try_to_migrate, "short times with interrupts off when huge pages are split") \
	X(try_to_unmap, "short times with interrupts off when huge pages are split")
#else
#define COMPAT_HOOKS_SPLIT_AHEAD(X)
#endif

/* Before 6.2 KVM takes hugetlb pages, which keep the flag when they are freed. */
#ifdef HAVE_TRY_PAGE_MTE_TAGGING
#define COMPAT_HUGETLB_REUSED	0
#define COMPAT_HOOKS_HUGETLB(X)
#define COMPAT_NEEDS_HUGETLB(X)
#define COMPAT_CALLS_HUGETLB(X)
#else
#define COMPAT_HUGETLB_REUSED	1
#define COMPAT_HOOKS_HUGETLB(X)	X(free_huge_page, "tags of hugetlb pages")
#define COMPAT_NEEDS_HUGETLB(X)	X(REPAIR_HUGETLB_REUSE, free_huge_page)
#define COMPAT_CALLS_HUGETLB(X)	X(rmap_walk, rmap_walk) X(rmap_walk_locked, rmap_walk_locked)
#endif

#endif /* _KVM_MTE_COMPAT_TAGS_H */
