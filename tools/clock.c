// SPDX-License-Identifier: GPL-2.0-only
/*
 * Time.
 */
#include <time.h>

#include "kvm-mte.h"

/**
 * now_ms - the time since an unknown moment
 *
 * Return: milliseconds; no change of the clock moves it.
 */
long long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}
