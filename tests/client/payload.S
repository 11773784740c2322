/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's flat binary, as data of the client. */
	.section .rodata
	.balign	16
	.global	payload_start, payload_end
payload_start:
	.incbin	"guest.bin"
payload_end:
	.section .note.GNU-stack, "", @progbits
