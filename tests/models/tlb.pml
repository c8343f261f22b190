/* SPDX-License-Identifier: MIT */
/*
 * Address space identifiers (arch/aarch64/asid.c). Two CPUs switch between four spaces with three
 * identifiers, all in use at first, so that generations roll over. A CPU's TLB keeps, per
 * identifier, which space its entries are of.
 *
 * Shown: a CPU never runs a space under an identifier for which its TLB has entries of another.
 * MUTATIONS: NO_FLUSH NO_RESERVED PLAIN_STORE
 */
#define NONE  0
#define STEPS 3

byte generation = 1;
byte space_id[5], space_generation[5]; /* spaces 1 .. 4; identifier 0: none */
byte active_id[2], active_generation[2];
byte reserved_id[2], reserved_generation[2];
bool used[4], flush_pending[2], lock;
byte tlb[8]; /* [cpu * 4 + id]: the space whose entries it has */
byte steps[2];

#define LOCK   atomic { !lock -> lock = true }
#define UNLOCK lock = false

inline install(me, s, n)
{
	atomic {
		assert(tlb[me * 4 + n] == NONE || tlb[me * 4 + n] == s);
		tlb[me * 4 + n] = s /* it runs, and caches */
	}
}

inline take_active(c)
{
	atomic {
		if
		:: active_id[c] != 0 ->
			reserved_id[c] = active_id[c];
			reserved_generation[c] = active_generation[c];
			active_id[c] = 0
		:: else
		fi
	}
#ifndef NO_RESERVED
	used[reserved_id[c]] = true;
#endif
	flush_pending[c] = true
}

inline roll_over()
{
	generation++;
	used[1] = false;
	used[2] = false;
	used[3] = false;
	take_active(0);
	take_active(1)
}

/* Without the rollover, all under the lock alone: one step. */
inline new_id(s)
{
	d_step {
	found = false;
	old = space_id[s];
	i = 0;
	do
	:: i < 2 ->
		if
		:: old != 0 && reserved_id[i] == old && reserved_generation[i] == space_generation[s] ->
			found = true
		:: else
		fi;
		i++
	:: else -> break
	od
	};
	if
	:: found -> d_step { /* every CPU's reservation gets the new name */
		i = 0;
		do
		:: i < 2 ->
			if
			:: reserved_id[i] == old && reserved_generation[i] == space_generation[s] ->
				reserved_generation[i] = generation
			:: else
			fi;
			i++
		:: else -> break
		od }
	:: !found && old != 0 && !used[old] -> used[old] = true
	:: else ->
		if
		:: used[1] && used[2] && used[3] -> roll_over()
		:: else
		fi;
		if
		:: !used[1] -> space_id[s] = 1
		:: used[1] && !used[2] -> space_id[s] = 2
		:: used[1] && used[2] && !used[3] -> space_id[s] = 3
		fi;
		used[space_id[s]] = true
	fi;
	d_step { space_generation[s] = generation; old = 0; i = 0; found = false }
}

proctype cpu(byte me)
{
	byte s, n, g, seen, old, i;
	bool slow, found;
	do
	:: steps[me] < STEPS ->
		steps[me]++;
		if
		:: s = 1
		:: s = 2
		:: s = 3
		:: s = 4
		fi;
		atomic { n = space_id[s]; g = space_generation[s] }
		seen = active_id[me];
		slow = seen == 0 || g != generation || n == 0;
		if
		:: !slow ->
#ifdef PLAIN_STORE
			active_id[me] = n;
			active_generation[me] = g
#else
			atomic {
				if
				:: active_id[me] == seen -> active_id[me] = n; active_generation[me] = g
				:: else -> slow = true
				fi
			}
#endif
		:: else
		fi;
		if
		:: slow ->
			LOCK;
			if
			:: space_id[s] == 0 || space_generation[s] != generation -> new_id(s)
			:: else
			fi;
			if
			:: flush_pending[me] ->
				flush_pending[me] = false;
#ifndef NO_FLUSH
				atomic {
					tlb[me * 4 + 1] = NONE;
					tlb[me * 4 + 2] = NONE;
					tlb[me * 4 + 3] = NONE
				}
#endif
			:: else
			fi;
			n = space_id[s];
			atomic { active_id[me] = n; active_generation[me] = space_generation[s] }
			UNLOCK
		:: else
		fi;
		install(me, s, n);
		d_step { s = 0; n = 0; g = 0; seen = 0; slow = false }
	:: else -> break
	od
}

init {
	d_step {
		byte k = 1;
		do
		:: k <= 3 ->
			space_id[k] = k;
			space_generation[k] = 1;
			used[k] = true;
			tlb[k] = k;
			tlb[4 + k] = k;
			k++
		:: else -> break
		od;
		active_id[0] = 1;
		active_generation[0] = 1;
		active_id[1] = 2;
		active_generation[1] = 1
	}
	atomic { run cpu(0); run cpu(1) }
}
