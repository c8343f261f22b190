/* SPDX-License-Identifier: MIT */
/*
 * Futexes (proc/futex.c): a waiter counts itself in the bucket, then looks at the word under the
 * bucket's lock and enters the list if it has not changed; a waker changes the word, then looks at
 * the count, and takes the lock only if somebody is counted. Two waiters, one of which may give up
 * at any time; stores to the word and the count are buffered, the lock and the barriers empty the
 * buffer.
 *
 * Shown: a waiter that found the old word is woken; nobody is woken who has left.
 * MUTATIONS: COUNT_LATE NO_WAKER_BARRIER LEAVE_WITHOUT_LOCK
 */
byte word, count, listed, woken;
bool word_buffered, bucket_lock;
bool on_list[2], was_woken[2], record_gone[2];

#define LOCK   atomic { !bucket_lock -> bucket_lock = true }
#define UNLOCK bucket_lock = false

active proctype memory()
{
end:
	do
	:: atomic { word_buffered -> word = 1; word_buffered = false }
	od
}

proctype waiter(byte me; bool may_give_up)
{
#ifndef COUNT_LATE
	count++; /* an atomic operation with a full barrier */
#endif
	LOCK;
	if
	:: word == 0 ->
#ifdef COUNT_LATE
		UNLOCK;
		count++;
		LOCK;
#endif
		on_list[me] = true;
		UNLOCK;
		if
		:: was_woken[me]
		:: may_give_up
		fi;
#ifndef LEAVE_WITHOUT_LOCK
		LOCK;
#endif
		if
		:: !was_woken[me] -> on_list[me] = false; count--
		:: else
		fi;
#ifndef LEAVE_WITHOUT_LOCK
		UNLOCK;
#endif
		record_gone[me] = true
	:: else ->
#ifndef COUNT_LATE
		count--;
#endif
		UNLOCK
	fi
}

active proctype waker()
{
	byte i;
	word_buffered = true;
#ifndef NO_WAKER_BARRIER
	!word_buffered;
#endif
	if
	:: count > 0 ->
		LOCK;
		i = 0;
		do
		:: i < 2 && on_list[i] ->
			assert(!record_gone[i]);
			on_list[i] = false;
			count--;
			assert(!record_gone[i]);
			was_woken[i] = true;
			i++
		:: i < 2 && !on_list[i] -> i++
		:: i == 2 -> break
		od;
		UNLOCK
	:: else
	fi
}

init {
	atomic { run waiter(0, false); run waiter(1, true) }
}
