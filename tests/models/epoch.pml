/* SPDX-License-Identifier: MIT */
/*
 * Epochs (core/epoch.c): a writer takes an object away and begins a grace period, for which it asks
 * the CPUs that it does not see asleep; a reader's CPU sleeps, wakes up, reads, reports. The CPU's
 * `asleep` and the grace period's number are stored through buffers until a barrier.
 *
 * Shown: the object is freed under no reader, and it is freed in the end.
 * MUTATIONS: NO_SLEEP_BARRIER NO_AWAKE_BARRIER NO_BEGIN_BARRIER REPORT_INSIDE NO_LOOK_ASLEEP
 */
bool reachable = true, unlink_buffered;
bool started, start_buffered; /* the grace period */
bool asleep, asleep_value, asleep_buffered;
bool due, lock, freed, reading, seen;

#define LOCK   atomic { !lock -> lock = true }
#define UNLOCK lock = false

active proctype memory()
{
end:
	do
	:: atomic { unlink_buffered -> reachable = false; unlink_buffered = false }
	:: atomic { start_buffered -> started = true; start_buffered = false }
	:: atomic { asleep_buffered -> asleep = asleep_value; asleep_buffered = false }
	od
}

inline report()
{
	if
	:: started && !seen ->
		LOCK;
		seen = true;
		due = false;
		UNLOCK
	:: else
	fi
}

active proctype reader()
{
	bool found;
end:
	do
	:: /* asleep, then awake */
		!asleep_buffered;
		asleep_value = true;
		asleep_buffered = true;
#ifndef NO_SLEEP_BARRIER
		!asleep_buffered;
#endif
#ifndef NO_LOOK_ASLEEP
		report();
#endif
		!asleep_buffered;
		if
		:: skip
		:: break /* nothing interrupts it any more */
		fi;
		asleep_value = false;
		asleep_buffered = true;
#ifndef NO_AWAKE_BARRIER
		!asleep_buffered
#endif
	:: !freed -> /* a look-up */
		found = reachable;
		reading = found;
#ifdef REPORT_INSIDE
		report();
#endif
		if
		:: found -> assert(!freed)
		:: else
		fi;
		reading = false
	:: freed -> break
	od
}

active proctype writer()
{
	bool awake;
	unlink_buffered = true;
	LOCK; /* stores before a barrier, in their order */
	start_buffered = true;
#ifndef NO_BEGIN_BARRIER
	!unlink_buffered;
	!start_buffered;
#endif
	awake = !asleep;
	due = awake;
	!unlink_buffered;
	!start_buffered;
	UNLOCK;
	!due;
	assert(!reading);
	freed = true
}
