/* SPDX-License-Identifier: MIT */
/*
 * Lists (base/list.h) that are changed under their owner's lock and walked forwards inside epochs without it. What left
 * a list still leads back to it, and is freed or put on another list only after a grace period (core/epoch.h).
 */
#ifndef CORE_EPOCHLIST_H
#define CORE_EPOCHLIST_H

#include <stdatomic.h>

#include "base/list.h"

static inline struct list_node *
epoch_list_next(const struct list_node *n)
{
	return __atomic_load_n(&n->next, __ATOMIC_ACQUIRE);
}

/* Puts n right before head: at the end, or before any element. What n belongs to is complete. */
static inline void
epoch_list_add_tail(struct list_node *head, struct list_node *n)
{
	struct list_node *prev = head->prev;
	n->next = head;
	n->prev = prev;
	head->prev = n;
	__atomic_store_n(&prev->next, n, __ATOMIC_RELEASE);
}

/* n keeps its way on for those who stand on it. */
static inline void
epoch_list_del(struct list_node *n)
{
	n->next->prev = n->prev;
	__atomic_store_n(&n->prev->next, n->next, __ATOMIC_RELAXED);
}

static inline bool
epoch_list_empty(const struct list_node *head)
{
	return __atomic_load_n(&head->next, __ATOMIC_RELAXED) == head;
}

#define epoch_list_for_each_entry(pos, head, member)                            \
	for (pos = list_entry(epoch_list_next(head), __typeof__(*pos), member); \
		&pos->member != (head);                                         \
		pos = list_entry(epoch_list_next(&pos->member), __typeof__(*pos), member))

#endif
