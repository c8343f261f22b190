/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked circular lists. A list_head is an empty list when it points to itself; a node that is
 * on no list and was list_init()ed points to itself too, so list_del_init() and list_empty() are always safe on it.
 * No locking: the owner of the list says which lock guards it.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/macros.h"

struct list_node {
	struct list_node *next, *prev;
};
#define LIST_INIT(name) {&(name), &(name)}

static inline void
list_init(struct list_node *n)
{
	n->next = n->prev = n;
}

static inline bool
list_empty(const struct list_node *head)
{
	return head->next == head;
}

static inline void
list_insert_between(struct list_node *n, struct list_node *prev, struct list_node *next)
{
	n->next = next;
	n->prev = prev;
	prev->next = n;
	next->prev = n;
}

/* Inserts n right after head: as the first element, or after any element. */
static inline void
list_add(struct list_node *head, struct list_node *n)
{
	list_insert_between(n, head, head->next);
}

/* Inserts n right before head: as the last element, or before any element. */
static inline void
list_add_tail(struct list_node *head, struct list_node *n)
{
	list_insert_between(n, head->prev, head);
}

static inline void
list_del(struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static inline void
list_del_init(struct list_node *n)
{
	list_del(n);
	list_init(n);
}

/* Moves all of src to the end of dst; src is empty afterwards. */
static inline void
list_splice_tail(struct list_node *dst, struct list_node *src)
{
	if (list_empty(src))
		return;
	struct list_node *first = src->next, *last = src->prev;
	first->prev = dst->prev;
	dst->prev->next = first;
	last->next = dst;
	dst->prev = last;
	list_init(src);
}

#define list_entry(node, type, member)       container_of(node, type, member)
#define list_first_entry(head, type, member) list_entry((head)->next, type, member)
#define list_last_entry(head, type, member)  list_entry((head)->prev, type, member)

#define list_for_each_entry(pos, head, member)                                                 \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
		pos = list_entry(pos->member.next, __typeof__(*pos), member))

#define list_for_each_entry_safe(pos, tmp, head, member)                  \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
		&pos->member != (head);                                   \
		pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*pos), member))

#endif
