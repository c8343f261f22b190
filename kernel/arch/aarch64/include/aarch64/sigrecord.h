/* SPDX-License-Identifier: MIT */
/*
 * The list of records in a signal frame, as a program gives it back by rt_sigreturn(2): any bytes. Pure: the caller
 * fetches each record's head and says what it is; nothing is read here.
 */
#ifndef AARCH64_SIGRECORD_H
#define AARCH64_SIGRECORD_H

#include <stdbool.h>
#include <stddef.h>

#include "abi/linux/signal.h"

struct sigrecord_walk {
	size_t size;   /* of the area that the list lies in */
	size_t at;     /* where the next head is */
	size_t fpsimd; /* where the FP/SIMD record is, once it was found */
	bool fpsimd_seen, extra_seen;
};

/*
 * Takes the head at w->at, which lies in the area. 1: go on at the new w->at, where there may be room for no head;
 * 0: the end of a list that has an FP/SIMD record, all of it in the area; -EINVAL: this is no list of ours or Linux's.
 */
int sigrecord_step(struct sigrecord_walk *w, const struct sigrecord *head);

#endif
