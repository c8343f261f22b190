/* SPDX-License-Identifier: MIT */
#include "net/ip/frag_core.h"

#include <stddef.h>

/* Whether what the fragment says of the datagram's length agrees with what is known. */
static bool
agrees(const struct frag_list *l, const struct frag_range *r, bool more)
{
	if (more)
		return l->total == 0 || r->end <= l->total;
	if (l->total != 0)
		return r->end == l->total;
	return l->last == NULL || l->last->end <= r->end;
}

static enum frag_verdict
insert(struct frag_list *l, struct frag_range *r, bool more)
{
	struct frag_range *before = NULL, *after;
	if (l->last != NULL && l->last->end <= r->start) { /* in order, as nearly always */
		before = l->last;
		after = NULL;
	} else {
		for (after = l->first; after != NULL && after->start < r->start;
			after = after->next)
			before = after;
	}
	if (after != NULL && after->start == r->start && after->end == r->end)
		return FRAG_DUPLICATE;
	if ((before != NULL && before->end > r->start) || (after != NULL && after->start < r->end))
		return FRAG_VOID;
	if (l->count >= FRAG_COUNT_MAX)
		return FRAG_VOID;
	r->next = after;
	if (before == NULL)
		l->first = r;
	else
		before->next = r;
	if (after == NULL)
		l->last = r;
	l->count++;
	l->have += r->end - r->start;
	if (!more)
		l->total = r->end;
	return FRAG_ADDED;
}

enum frag_verdict
frag_add(struct frag_list *l, struct frag_range *r, bool more)
{
	if (!agrees(l, r, more))
		return FRAG_VOID;
	enum frag_verdict v = insert(l, r, more);
	if (v == FRAG_ADDED && l->total != 0 && l->have == l->total)
		return FRAG_COMPLETE;
	return v;
}
