/* SPDX-License-Identifier: MIT */
/*
 * The world of the network's cores on the host (tests and fuzzers): pages and slabs of the host's heap, allocation
 * failures, what is still allocated, and pkt_drop() that remembers why.
 *
 * A test calls net_mock_begin() first and net_mock_end() last; the latter fails if anything is still allocated.
 */
#ifndef NET_MOCK_H
#define NET_MOCK_H

#include <stdbool.h>
#include <stdint.h>

#define NET_MOCK_NEVER UINT64_MAX

extern uint64_t
	net_mock_fail_after; /* so many allocations succeed, then all fail; NET_MOCK_NEVER: none fails */
extern uint64_t net_mock_allocations; /* tried since net_mock_begin() */
extern int64_t net_mock_pages, net_mock_page_refs, net_mock_objects; /* alive */
extern uint64_t net_mock_drops;     /* packets that pkt_drop() lost */
extern uint32_t net_mock_last_drop; /* enum net_counter: why the last one was */

void net_mock_begin(void);
/* Whether everything was given back. */
bool net_mock_end(void);
/* Frees every object that is alive, not pages: whoever held them is not used any more. */
void net_mock_forget(void);

/*
 * Runs body once for each allocation in it, which fails and with it all after it, until one run fails none:
 *	for (uint64_t n = 0; net_mock_run(n); n++) { … net_mock_end() … }
 */
static inline bool
net_mock_run(uint64_t n)
{
	if (n != 0 && net_mock_allocations < n)
		return false;
	net_mock_begin();
	net_mock_fail_after = n;
	return true;
}

#endif
