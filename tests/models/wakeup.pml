/* SPDX-License-Identifier: MIT */
/*
 * The wake-up protocol of core/wait.h and core/sched.c: a waiter marks itself asleep, then looks at
 * its condition, then gives up its CPU under the run queue's lock unless it was woken meanwhile; a
 * waker makes the condition true, then looks whether anybody sleeps. Stores go through a buffer per
 * CPU, as on a weakly ordered machine: they reach memory some time later, or at a barrier.
 *
 * Shown: the waiter never sleeps for ever.
 * MUTATIONS: NO_WAITER_BARRIER NO_WAKER_BARRIER LOOK_FIRST NO_SECOND_LOOK
 */
bool condition, asleep, on_queue = true, rq_lock;
bool condition_buffered, asleep_buffered;
bool waiter_done;

#define BARRIER(buffer) (!(buffer))
#define LOCK            atomic { !rq_lock -> rq_lock = true }
#define UNLOCK          rq_lock = false

/* What is in the store buffers reaches memory in its own time. */
active proctype memory()
{
end:
	do
	:: atomic { condition_buffered -> condition = true; condition_buffered = false }
	:: atomic { asleep_buffered -> asleep = true; asleep_buffered = false }
	od
}

active proctype waiter()
{
	bool seen;
	do
	::
#ifdef LOOK_FIRST
		seen = condition;
		asleep_buffered = true;
		BARRIER(asleep_buffered);
#else
		asleep_buffered = true;
#ifndef NO_WAITER_BARRIER
		BARRIER(asleep_buffered);
#endif
		seen = condition;
#endif
		if
		:: seen -> break
		:: else
		fi;
		/* schedule(): a lock is a barrier too. */
		BARRIER(asleep_buffered);
		LOCK;
		if
#ifdef NO_SECOND_LOOK
		:: true -> asleep = true; on_queue = false
#else
		:: asleep -> on_queue = false
		:: else
#endif
		fi;
		UNLOCK;
		on_queue /* it runs on when it is on a queue */
	od;
	BARRIER(asleep_buffered);
	asleep = false;
	waiter_done = true
}

active proctype waker()
{
	condition_buffered = true;
#ifndef NO_WAKER_BARRIER
	BARRIER(condition_buffered);
#endif
	LOCK;
	if
	:: asleep ->
		asleep = false;
		on_queue = true
	:: else
	fi;
	UNLOCK;
	BARRIER(condition_buffered)
}
