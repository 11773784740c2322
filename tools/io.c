// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads and writes small files, below the directory --root if it is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kvm-mte.h"

/* In bytes: more than any command line or kernel configuration has. */
#define READ_ALL_MAX	(8 << 20)

/**
 * need - end the program if there is no memory
 * @memory: result of an allocation
 *
 * Return: @memory, never NULL.
 */
void *need(void *memory)
{
	if (memory)
		return memory;
	complain("out of memory");
	exit(END_ERROR);
}

/**
 * below_root - put --root before a path
 * @fmt: the path without --root, printf() style
 *
 * Return: the path; the caller frees it.
 */
char *below_root(const char *fmt, ...)
{
	char *path, *full;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&path, fmt, args) < 0)
		path = NULL;
	va_end(args);
	need(path);
	if (asprintf(&full, "%s%s", root, path) < 0)
		full = NULL;
	free(path);
	return need(full);
}

/**
 * read_all - read a file
 * @path: from below_root(); this function frees it
 * @len: set to the length of the contents, which may have zero bytes; may be NULL
 *
 * Return: the contents, with a zero byte added; the caller frees them.  NULL, with errno,
 * if the file cannot be read.
 */
char *read_all(const char *path, size_t *len)
{
	size_t size = 4096, have = 0;
	char *text = need(malloc(size));
	ssize_t got = -1;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	free((char *)path);
	while (fd >= 0 && have < READ_ALL_MAX) {
		if (size - have < 2) {
			size *= 2;
			text = need(realloc(text, size));
		}
		got = read(fd, text + have, size - have - 1);
		if (got <= 0)
			break;
		have += got;
	}
	err = errno;
	if (fd >= 0)
		close(fd);
	if (got < 0) {
		free(text);
		errno = err;
		return NULL;
	}
	text[have] = '\0';
	if (len)
		*len = have;
	return text;
}

/**
 * read_word - read a file that has one value
 * @dir: the directory, or AT_FDCWD
 * @file: the file's name
 * @word: buffer for the value, without its newline
 * @size: size of the buffer, in bytes
 *
 * Return: 0 or a negative errno; after an error @word is empty.
 */
int read_word(int dir, const char *file, char *word, size_t size)
{
	ssize_t got;
	int fd, err;

	word[0] = '\0';
	fd = openat(dir, file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	got = read(fd, word, size - 1);
	err = got < 0 ? -errno : 0;
	close(fd);
	word[got < 0 ? 0 : got] = '\0';
	word[strcspn(word, "\n")] = '\0';
	return err;
}

/**
 * read_number - read a file that has a number
 * @dir: the directory
 * @file: the file's name
 * @nr: set to the number
 *
 * Return: 0 or a negative errno; after an error @nr is 0.
 */
int read_number(int dir, const char *file, long long *nr)
{
	char word[32], *end;
	int err;

	*nr = 0;
	err = read_word(dir, file, word, sizeof(word));
	if (err)
		return err;
	*nr = strtoll(word, &end, 10);
	return *end || end == word ? -EINVAL : 0;
}

/**
 * write_word - write to one of the module's files
 * @dir: the directory, or AT_FDCWD
 * @file: the file's name
 * @word: the value
 *
 * Return: 0 or a negative errno.
 */
int write_word(int dir, const char *file, const char *word)
{
	int fd, err = 0;

	fd = openat(dir, file, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A single write: the module takes each write as a whole value. */
	if (write(fd, word, strlen(word)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/**
 * is_loaded - is the module loaded?
 *
 * Return: true if it is.
 */
bool is_loaded(void)
{
	char *path = below_root(MTE_DIR "/version");
	bool there = !access(path, F_OK);

	free(path);
	return there;
}

/**
 * not_loaded - print that the module is not loaded
 *
 * Return: END_NOT_LOADED.
 */
int not_loaded(void)
{
	complain("the module kvm_mte is not loaded; \"%s\" tells whether it can be loaded here",
		 "kvm-mte status");
	return END_NOT_LOADED;
}
