/* SPDX-License-Identifier: MIT */
/*
 * A listener's connections (net/tcp/listen.c): a SYN makes one half open, an ACK makes a child of that and queues it,
 * accept takes it; meanwhile the listener closes, and what it had goes to another of its group, if there is one.
 * Segments are processed on any CPU, having found the listener before they lock it; a half-open connection that moves
 * is on no list while neither listener is locked.
 *
 * Shown: each connection is accepted once or reset once, none stays with a closed listener, and a half-open one is on
 * one list at most. Who accepts does not sleep while there is something. A segment that found the listener before it
 * closed may still be answered with a reset, though another listener of the group is there.
 * MUTATIONS: NO_CLOSED_CHECK NO_MOVING TAKE_UNLOCKED NO_WAKE LOOK_ONCE
 */
#define N      2 /* connections */
#define CLOSES 0 /* the listener that closes */
#define STAYS  1
#define NONE   2

bool lock[2], closed[2], listed[2] = true;
byte half_of[N] = NONE;   /* whose it is */
byte lists[N];            /* on how many lists it is */
bool moving[N], gone[N];
byte queue_of[N] = NONE;  /* whose queue the child is in */
byte accepted[N], reset[N];
bool asleep[2];

#define LOCK(l)   atomic { !lock[l] -> lock[l] = true }
#define UNLOCK(l) lock[l] = false
#define OVER(i)   (accepted[i] + reset[i] != 0)

inline wake(l)
{
#ifndef NO_WAKE
	asleep[l] = false
#else
	skip
#endif
}

/* The child goes to l's queue, or ends. */
inline queue_child(i, l)
{
	LOCK(l);
	if
#ifdef NO_CLOSED_CHECK
	:: true -> queue_of[i] = l; UNLOCK(l); wake(l)
#else
	:: !closed[l] -> queue_of[i] = l; UNLOCK(l); wake(l)
	:: closed[l] -> UNLOCK(l); reset[i]++
#endif
	fi
}

/* The segments of connection i. */
proctype segments(byte i)
{
	byte l;
	/* SYN: by the flow's hash to one of those listed, or refused. */
	if
	:: listed[CLOSES] -> l = CLOSES
	:: listed[STAYS] -> l = STAYS
	fi;
	LOCK(l);
	if
	:: closed[l] -> UNLOCK(l); reset[i]++; goto done
	:: !closed[l] ->
		half_of[i] = l;
		lists[i]++;
		UNLOCK(l)
	fi;
	/* ACK: lock_listener(), complete(). */
again:
	l = half_of[i];
	LOCK(l);
	if
	:: half_of[i] != l -> UNLOCK(l); goto again
	:: half_of[i] == l && gone[i] -> UNLOCK(l); goto done
#ifndef NO_MOVING
	:: half_of[i] == l && !gone[i] && moving[i] -> UNLOCK(l); goto again
#endif
	:: else ->
		assert(lists[i] == 1);
		gone[i] = true;
		lists[i]--;
		UNLOCK(l)
	fi;
	queue_child(i, l);
done:
	skip
}

proctype closer()
{
	byte i;
	bool taken[N];
	listed[CLOSES] = false;
	LOCK(CLOSES);
	closed[CLOSES] = true;
	i = 0;
	do
	:: i < N ->
		taken[i] = queue_of[i] == CLOSES;
		if
		:: taken[i] -> queue_of[i] = NONE
		:: else
		fi;
		i++
	:: else -> break
	od;
	UNLOCK(CLOSES);
	wake(CLOSES);
	/* rehome_halves() */
	i = 0;
	do
	:: i < N ->
		LOCK(CLOSES);
		if
		:: half_of[i] == CLOSES && !gone[i] ->
			assert(lists[i] == 1);
			moving[i] = true;
			lists[i]--;
			UNLOCK(CLOSES);
			LOCK(STAYS);
			lists[i]++;
			assert(lists[i] == 1);
			moving[i] = false;
			half_of[i] = STAYS;
			UNLOCK(STAYS)
		:: else -> UNLOCK(CLOSES)
		fi;
		i++
	:: else -> break
	od;
	/* rehome_children() */
	i = 0;
	do
	:: i < N ->
		if
		:: taken[i] -> queue_child(i, STAYS)
		:: else
		fi;
		i++
	:: else -> break
	od
}

inline take(l)
{
#ifndef TAKE_UNLOCKED
	LOCK(l);
#endif
	if
	:: queue_of[0] == l -> accepted[0]++; queue_of[0] = NONE; found = true
	:: queue_of[1] == l -> accepted[1]++; queue_of[1] = NONE; found = true
	:: else -> found = false
	fi;
#ifndef TAKE_UNLOCKED
	UNLOCK(l)
#endif
}

/* accept(): two callers with the one that stays, one with the one that closes. */
proctype acceptor(byte l)
{
	bool found;
	do
	:: take(l);
		if
		:: found -> skip
		:: !found && (closed[l] || (OVER(0) && OVER(1))) -> break
		:: else ->
			asleep[l] = true;
#ifdef LOOK_ONCE
			!asleep[l] || closed[l] || (OVER(0) && OVER(1))
#else
			/* It looks again after it has said that it sleeps. */
			if
			:: queue_of[0] == l || queue_of[1] == l || closed[l] -> asleep[l] = false
			:: else -> !asleep[l] || closed[l] || (OVER(0) && OVER(1))
			fi
#endif
		fi
	od
}

init
{
	atomic {
		run segments(0);
		run segments(1);
		run closer();
		run acceptor(CLOSES);
		run acceptor(STAYS)
	}
	(_nr_pr == 1);
	assert(accepted[0] + reset[0] == 1 && accepted[1] + reset[1] == 1);
	assert(queue_of[0] == NONE && queue_of[1] == NONE);
	assert(lists[0] == 0 && lists[1] == 0)
}
