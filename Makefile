# SPDX-License-Identifier: GPL-2.0-only
#
# make			the module, for the running kernel or KDIR=<headers>
# make install		the tool, its man pages, and the files of contrib/ (DESTDIR=, PREFIX=/usr/local); no unit is enabled
# make uninstall	removes these
# make check		each feature, hook and error once, on an emulated host (T="name ..." for some)
# make check-all		everything, on all kernels (SHARD=1/4 for a part)
# make soak		the long versions of some tests, for hours
# make check-64k	hosts with 64 KiB pages, whose kernels are built first
# make check-debug	hosts that check themselves (KASAN, lockdep, ...), whose kernels are built first; also makes
#			allocations fail
# make bench		measure what MTE costs, in instructions; writes docs/bench.md
# make bench-check	the same, compared with what the goals and the last table say
# make demo		watch a guest get MTE and catch a bug with it
# make style		checkpatch, sparse, W=1, shellcheck
# make dist		build/kvm-mte-VERSION.tar.xz, of the last commit
# make deb		the Debian packages, in build/deb
# make srpm		the source RPM, in build/rpm
# make deb-modules	a package with the built module, for hosts without a compiler, in build/modules: KVER=RELEASE, and what
#			packaging/modules names
# make rpm-modules	the same as RPM

KDIR ?= /lib/modules/$(shell uname -r)/build
MODULE_DIR := $(CURDIR)

modules modules_install clean:
	$(MAKE) -C $(KDIR) M=$(MODULE_DIR) $@

PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man

install:
	$(MAKE) -C tools install
	$(MAKE) -C contrib install
	install -D -m 644 docs/man/kvm_mte.4 $(DESTDIR)$(MANDIR)/man4/kvm_mte.4

uninstall:
	$(MAKE) -C tools uninstall
	$(MAKE) -C contrib uninstall
	rm -f $(DESTDIR)$(MANDIR)/man4/kvm_mte.4

check:
	tests/run $(T)

check-all:
	tests/run --full $(if $(SHARD),--shard $(SHARD)) $(T)

check-64k:
	KERNELS="5.10-64k 6.12-64k" tests/run --full $(or $(T),matrix client selftests pages swap native carry)

check-debug:
	KERNELS="5.10-debug 6.12-debug" tests/run --full $(or $(T),client carry load unload policy cgroups swap pages move nomem native refs waits engine)
	tests/run --soak failalloc

soak:
	tests/run --soak $(T)

bench:
	tests/bench/run

bench-check:
	tests/bench/run --check

demo:
	tests/run --demo

style:
	tests/run style

dist deb srpm:
	packaging/$@

deb-modules rpm-modules:
	packaging/modules $(@:-modules=)

.DEFAULT_GOAL := modules
.PHONY: modules modules_install clean install uninstall check check-all check-64k check-debug soak bench bench-check demo style dist deb srpm deb-modules rpm-modules
