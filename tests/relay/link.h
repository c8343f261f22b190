/* SPDX-License-Identifier: MIT */
/*
 * A lossy link, pure: what happens to the frames that one direction carries.
 *
 * fate_of() says what happens to TCP segment number i of a direction, and depends on its arguments only: a run with the
 * same seed loses, doubles and holds back the same segments, whoever sends them and however fast.
 *
 * link_take() adds time: a wire of so many bits a second with a finite queue before it, then the propagation delay. So
 * goodput is bounded by the wire and by what TCP makes of it, not by the speed of the machine that runs an end. A frame
 * that is lost does not use the wire; a copy does; one that is held back has left the wire, and is overtaken.
 *
 * Times are in nanoseconds since any fixed moment.
 */
#ifndef TESTS_RELAY_LINK_H
#define TESTS_RELAY_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define LINK_PPM 1000000u

struct link_settings {
	uint64_t seed;
	uint32_t loss, reorder, duplicate; /* segments of a million */
	uint32_t hold_us;                  /* a reordered one is late by 1/8 of this to all of it */
	uint32_t delay_us;
	uint32_t rate;  /* bits a second, not 0 */
	uint32_t queue; /* bytes that may wait for the wire */
};

struct fate {
	bool lost, doubled;
	uint64_t late_ns; /* 0: in its turn */
};

struct fate fate_of(const struct link_settings *s, uint32_t direction, uint64_t i);

/* One direction. Zeroed, it is an idle link. */
struct link {
	uint64_t free_at; /* when the wire has sent all that waits */
	uint64_t next;    /* the number of the next segment */
};

enum link_result { LINK_CARRIED, LINK_LOST, LINK_QUEUE_FULL };

/*
 * A frame of n bytes came at `now`; numbered: it is a TCP segment, and suffers its fate. Nothing else does, so that ARP
 * neither fails nor shifts the numbers. Fills at[] with when it arrives, and as many copies as *copies says.
 */
enum link_result link_take(struct link *l, const struct link_settings *s, uint32_t direction,
	uint64_t now, uint32_t n, bool numbered, uint64_t at[2], uint32_t *copies);

/* Is this Ethernet frame a TCP segment, of either version of IP? */
bool frame_is_tcp(const uint8_t *frame, uint32_t n);

#endif
