#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Catches: what makes any exit, fault, swap-in, VM or the module's load cost more than 1 % more instructions than the
# committed table says, and a goal that was reached and is no more.
# where: here
# hooks: none
# The other kernels are peers, for the table.
[[ $TIER == full ]] || export KERNELS=5.10
exec "$TESTS/bench/run" --check
