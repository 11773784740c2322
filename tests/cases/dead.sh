#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: a module that can be unloaded after ftrace has stopped permanently, although its hooks are still set; a VM that gets
# MTE after that.
# kernels: 5.10 7.2
# hooks: ftrace
# alone: yes
# leaves: module
# quick: no
. /t/lib.sh
. /t/hooks.sh
. /t/client.sh

load_module || bail "the module does not load"
hold_start vm hold
hold_is vm "enable 1" "enable 0" "a VM gets MTE"
dmesg_mark
succeeds "ftrace stops" insmod "$T/dead.ko"
has_said() { said | grep -q '^ftrace has stopped permanently'; }
succeeds "the log says so, by itself" wait_until 60 has_said
hold_is vm gcr "gcr 0" "the VM has MTE as before"
like "$("$CLIENT" ask 2>&1 </dev/null | head -n 1)" 'main: dev 0 vm 0 born 0 enable EBUSY' "no further VM gets MTE"
hold_end vm
is "$(rmmod_says)" EAGAIN "the module stays"
is "$(said | grep -c '^ftrace has stopped permanently')" 1 "the log says it once"
done_testing
