// SPDX-License-Identifier: GPL-2.0-only
/*
 * The end of FILE.tags says to which FILE it belongs: tags of another state of the memory are
 * wrong tags.  It follows the end of the stream:
 *
 *	0	8	"KVMMTEOF"
 *	8	8	size of FILE, in bytes
 *	16	4	CRC-32 of FILE
 *	20	4	CRC-32 of the 20 bytes before
 *
 * All numbers are little-endian.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tags.h"

#define MAGIC	"KVMMTEOF"
#define CHECKED	20
#define BUFFER	(1 << 20)

static int cannot(const char *file)
{
	complain("%s: %s", file, strerror(errno));
	return END_ERROR;
}

static ssize_t read_more(int fd, void *buffer, size_t size)
{
	ssize_t got;

	do {
		got = read(fd, buffer, size);
	} while (got < 0 && errno == EINTR);
	return got;
}

static int make(const char *file, unsigned char *binding)
{
	unsigned char *buffer;
	uint64_t size = 0;
	uint32_t crc = 0;
	ssize_t got;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return cannot(file);
	buffer = need(malloc(BUFFER));
	while ((got = read_more(fd, buffer, BUFFER)) > 0) {
		crc = crc32(crc, buffer, got);
		size += got;
	}
	free(buffer);
	if (got < 0)
		got = cannot(file);
	close(fd);
	memcpy(binding, MAGIC, 8);
	put_le64(binding + 8, size);
	put_le32(binding + 16, crc);
	put_le32(binding + CHECKED, crc32(0, binding, CHECKED));
	return got ? END_ERROR : END_OK;
}

/**
 * binding_is_valid - does a file of tags end with this?
 * @binding: what follows the stream, BINDING_SIZE bytes
 *
 * Return: true if it is whole.
 */
bool binding_is_valid(const unsigned char *binding)
{
	return !memcmp(binding, MAGIC, 8) &&
	       get_le32(binding + CHECKED) == crc32(0, binding, CHECKED);
}

/**
 * binding_add - bind tags to a file
 * @tags: name of the file of tags, which ends with its stream
 * @file: the file
 *
 * Return: exit status, after an error message.
 */
int binding_add(const char *tags, const char *file)
{
	unsigned char binding[BINDING_SIZE];
	int fd, end = make(file, binding);
	off_t size;

	if (end)
		return end;
	fd = open(tags, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd < 0)
		return cannot(tags);
	size = lseek(fd, 0, SEEK_END);
	errno = ENOSPC;
	if (write(fd, binding, sizeof(binding)) != sizeof(binding) || fsync(fd)) {
		end = cannot(tags);
		/* A part of it would be an error after the stream's end. */
		if (size < 0 || ftruncate(fd, size))
			cannot(tags);
	}
	close(fd);
	return end;
}

/**
 * binding_check - do tags belong to a file?
 * @tags: name of the file of tags
 * @file: the file
 *
 * Return: exit status, after an error message if they do not.
 */
int binding_check(const char *tags, const char *file)
{
	unsigned char has[BINDING_SIZE], wanted[BINDING_SIZE];
	int fd = open(tags, O_RDONLY | O_CLOEXEC);
	off_t size;

	if (fd < 0)
		return cannot(tags);
	size = lseek(fd, 0, SEEK_END);
	if (size < BINDING_SIZE ||
	    pread(fd, has, sizeof(has), size - BINDING_SIZE) != sizeof(has) ||
	    !binding_is_valid(has)) {
		close(fd);
		complain("%s: it does not say to which file it belongs", tags);
		return END_ERROR;
	}
	close(fd);
	if (make(file, wanted))
		return END_ERROR;
	if (!memcmp(has, wanted, sizeof(has)))
		return END_OK;
	complain("%s: it does not belong to %s: %llu bytes with checksum %08x, here %llu with %08x",
		 tags, file, (unsigned long long)get_le64(has + 8), get_le32(has + 16),
		 (unsigned long long)get_le64(wanted + 8), get_le32(wanted + 16));
	return END_ERROR;
}
