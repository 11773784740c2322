# SPDX-License-Identifier: GPL-2.0-only
#
# make			the module, for the running kernel or KDIR=<headers>
# make check		each feature, hook and error once, on an emulated host (T="name ..." for some)
# make check-all		everything, on all kernels (SHARD=1/4 for a part)
# make soak		the long versions of some, for hours
# make bench		measure what MTE costs, in instructions; writes docs/bench.md
# make bench-check	the same, compared with what the goals and the last table say
# make demo		watch a guest get MTE and catch a bug with it
# make style		checkpatch, sparse, W=1, shellcheck
# make dist		build/kvm-mte-VERSION.tar.xz, of the last commit
# make deb		the Debian packages, in build/deb
# make srpm		the source RPM, in build/rpm

KDIR ?= /lib/modules/$(shell uname -r)/build
MODULE_DIR := $(CURDIR)

modules modules_install clean:
	$(MAKE) -C $(KDIR) M=$(MODULE_DIR) $@

check:
	tests/run $(T)

check-all:
	tests/run --full $(if $(SHARD),--shard $(SHARD)) $(T)

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

.DEFAULT_GOAL := modules
.PHONY: modules modules_install clean check check-all soak bench bench-check demo style dist deb srpm
