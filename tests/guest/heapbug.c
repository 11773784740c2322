// SPDX-License-Identifier: GPL-2.0-only
/*
 * The program of the demonstration: writes one byte past the end of a block of memory, a
 * common bug.  It knows nothing of MTE.  glibc's malloc tags its blocks if the
 * environment asks for it (GLIBC_TUNABLES=glibc.mem.tagging=3) and the CPU has MTE.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void)
{
	static const char greeting[] = "a greeting of thirty-two letters";
	size_t i, len = strlen(greeting);
	char *name = malloc(32), *neighbour = malloc(32);

	if (!name || !neighbour)
		return 1;
	strcpy(neighbour, "mine");
	printf("heapbug: copying %zu letters and the 0 after them into 32 bytes\n", len);
	fflush(stdout);
	for (i = 0; i <= len; i++)
		((volatile char *)name)[i] = greeting[i];
	printf("heapbug: done, nothing noticed\n");
	return 0;
}
