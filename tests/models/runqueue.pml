/* SPDX-License-Identifier: MIT */
/*
 * Handing a thread from CPU to CPU (core/sched.c). One thread sleeps, is woken, is moved to the
 * other CPU by the waker or by a CPU that steals; CPUs run it when they find it on their queue. A
 * CPU holds its queue's lock from the moment that it takes the thread off until it has left the
 * thread's stack; whoever looks for the lock of a thread's CPU looks again when it has it.
 *
 * Shown: no two CPUs are on the thread's stack; it is on one queue at most; it does not get lost.
 * MUTATIONS: EARLY_UNLOCK NO_LOOK_AGAIN STEAL_ONE_LOCK
 */
#define NOBODY 2

bool rq_lock[2], queued[2]; /* is the thread in this CPU's tree? */
bool asleep, on_rq = true;
byte thread_cpu = 0;   /* under the lock of the queue that it names */
byte stack_user = 0;   /* which CPU is on its stack */
byte running_on = 0;   /* which CPU has it as current */
byte wakes = 2;
byte turns = 2; /* how often it gives up its CPU without sleeping */

#define LOCK(c)   atomic { !rq_lock[c] -> rq_lock[c] = true }
#define UNLOCK(c) rq_lock[c] = false

inline enqueue(c)
{
	atomic {
		assert(!queued[0] && !queued[1]);
		thread_cpu = c;
		on_rq = true;
		queued[c] = true
	}
}

proctype cpu(byte me)
{
	byte other = 1 - me;
end:
	do
	:: running_on == me -> /* the thread calls schedule(): to sleep, or to be put back */
		if
		:: asleep = true
		:: turns > 0 -> turns--
		fi;
		LOCK(me);
		atomic {
			running_on = NOBODY;
			if
			:: asleep -> on_rq = false
			:: else -> queued[me] = true
			fi
		};
#ifdef EARLY_UNLOCK
		UNLOCK(me);
		stack_user = NOBODY
#else
		stack_user = NOBODY; /* the next thread has taken over */
		UNLOCK(me)
#endif
	:: running_on != me && queued[me] -> /* idle: pick it */
		LOCK(me);
		atomic {
			if
			:: queued[me] ->
				queued[me] = false;
				assert(stack_user == NOBODY);
				stack_user = me;
				running_on = me
			:: else
			fi;
			UNLOCK(me)
		}
	:: running_on != me && queued[other] -> /* idle: steal it */
#ifdef STEAL_ONE_LOCK
		LOCK(me);
#else
		LOCK(0);
		LOCK(1);
#endif
		if
		:: queued[other] ->
			queued[other] = false;
			enqueue(me)
		:: else
		fi;
#ifndef STEAL_ONE_LOCK
		UNLOCK(other);
#endif
		UNLOCK(me)
	od
}

proctype waker()
{
	byte c, target;
	bool done;
	do
	:: wakes == 0 -> break
	:: atomic { wakes > 0 && asleep -> wakes-- };
		done = false;
		do
		:: done -> break
		:: !done ->
			c = thread_cpu;
			LOCK(c);
			if
#ifdef NO_LOOK_AGAIN
			:: true -> done = true
#else
			:: thread_cpu == c -> done = true
			:: thread_cpu != c -> UNLOCK(c)
#endif
			fi
		od;
		if
		:: asleep ->
			asleep = false;
			if
			:: on_rq
			:: !on_rq ->
				if
				:: target = 0
				:: target = 1
				fi;
				if
				:: target != c ->
					thread_cpu = target;
					UNLOCK(c);
					LOCK(target);
					c = target
				:: else
				fi;
				enqueue(c)
			fi
		:: else
		fi;
		UNLOCK(c)
	od
}

/* A sleeper that was never woken again is where it should be: off every queue and stack. */
active proctype observer()
{
	timeout;
	assert(!rq_lock[0] && !rq_lock[1]);
	assert(asleep && !on_rq && !queued[0] && !queued[1] && stack_user == NOBODY)
}

init {
	atomic { run cpu(0); run cpu(1); run waker(); run waker() }
}
