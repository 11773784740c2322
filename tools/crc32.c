// SPDX-License-Identifier: GPL-2.0-only
/*
 * CRC-32 as in zlib, gzip and Ethernet.  zlib itself is not used: it would be the only
 * library that kvm-mte needs, and the only one that a cross build had to find for arm64.
 */
#include "tags.h"

#define POLYNOMIAL	0xedb88320

static uint32_t table[256];

static void make_table(void)
{
	uint32_t crc;
	int i, bit;

	for (i = 0; i < 256; i++) {
		crc = i;
		for (bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[i] = crc;
	}
}

/**
 * crc32 - checksum of data, or of more data
 * @crc: checksum of what comes before the data; 0 if nothing does
 * @data: the data
 * @size: in bytes
 *
 * Return: the checksum.
 */
uint32_t crc32(uint32_t crc, const void *data, size_t size)
{
	const unsigned char *byte = data;

	if (!table[1])
		make_table();
	crc = ~crc;
	while (size--)
		crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xff];
	return ~crc;
}
