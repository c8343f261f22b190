/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include <aarch64/sigrecord.h>

int
sigrecord_step(struct sigrecord_walk *w, const struct sigrecord *head)
{
	if (head->magic == 0)
		return head->size == 0 && w->fpsimd_seen ? 0 : -EINVAL;
	if (head->size < sizeof(*head) || head->size % 16 != 0 || head->size > w->size - w->at)
		return -EINVAL;
	switch (head->magic) {
	case SIGRECORD_FPSIMD:
		if (w->fpsimd_seen || head->size != sizeof(struct sigrecord_fpsimd))
			return -EINVAL;
		w->fpsimd_seen = true;
		w->fpsimd = w->at;
		break;
	case SIGRECORD_EXTRA: /* we never write one: nothing in it is ours to restore */
		if (w->extra_seen)
			return -EINVAL;
		w->extra_seen = true;
		break;
	case SIGRECORD_ESR:
		break;
	default:
		return -EINVAL;
	}
	w->at += head->size;
	return 1;
}
