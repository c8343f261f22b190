/* SPDX-License-Identifier: MIT */
/*
 * Edge-triggered epoll over a socket (vfs/epoll.c, net/sock/sock.h): who adds bytes to the socket's queue lets go of
 * its lock, then looks whether anybody waits; a wake-up puts the entry on its set's ready list and wakes who sleeps
 * there. The reader takes the entry off the list, asks the socket's poll, which takes no lock, reads until nothing is
 * left, and sleeps. Stores go through a buffer per CPU until a barrier; releasing a lock is none for the loads after it.
 *
 * Shown: all that came is read; the reader never sleeps for ever, though each edge is told once.
 * MUTATIONS: NO_WAKER_BARRIER NO_HOOK_BARRIER NO_ASK_ON_ADD NO_WAITER_BARRIER NO_LOOK_AGAIN ASK_FIRST READ_ONE
 */
#define BYTES 3

byte came, coming, taken; /* bytes that were queued, those still in the producer's store buffer, those read */
bool hooked, hooking;     /* the entry is on the socket's wait queue */
bool asleep, going;       /* the reader */
bool ready, ready_lock;   /* the entry is on the ready list */

#define BARRIER(buffer) (!(buffer))
#define LOCK            atomic { !ready_lock -> ready_lock = true }
#define UNLOCK          ready_lock = false

active proctype memory()
{
end:
	do
	:: atomic { coming != 0 -> came = came + coming; coming = 0 }
	:: atomic { hooking -> hooked = true; hooking = false }
	:: atomic { going -> asleep = true; going = false }
	od
}

active proctype producer()
{
	byte i;
	bool there, new;
	for (i : 1 .. BYTES) {
		coming++;
#ifndef NO_WAKER_BARRIER
		BARRIER(coming);
#endif
		there = hooked;
		if
		:: there ->
			LOCK;
			BARRIER(coming); /* taking a lock is one */
			new = !ready;
			ready = true;
			UNLOCK;
			if
			:: new && asleep -> asleep = false
			:: else
			fi
		:: else
		fi
	}
	BARRIER(coming)
}

inline ask()
{
	seen = came != taken
}

inline take_off()
{
	LOCK;
	ready = false;
	UNLOCK
}

active proctype reader()
{
	bool seen;
	/* EPOLL_CTL_ADD */
	hooking = true;
#ifndef NO_HOOK_BARRIER
	BARRIER(hooking);
#endif
#ifndef NO_ASK_ON_ADD
	ask();
	if
	:: seen -> LOCK; ready = true; UNLOCK
	:: else
	fi;
#endif
	do
	:: taken == BYTES -> break
	:: taken != BYTES && ready ->
#ifdef ASK_FIRST
		ask();
		take_off();
#else
		take_off();
		ask();
#endif
		if
		:: seen -> /* told: the user reads until EAGAIN, under the socket's lock */
#ifdef READ_ONE
			taken++
#else
			do
			:: taken != came -> taken++
			:: else -> break
			od
#endif
		:: else
		fi
	:: taken != BYTES && !ready -> /* epoll_wait() finds nothing */
		going = true;
#ifndef NO_WAITER_BARRIER
		BARRIER(going);
#endif
		if
#ifndef NO_LOOK_AGAIN
		:: ready -> BARRIER(going); asleep = false
#endif
		:: else -> BARRIER(going); !asleep
		fi
	od
}
