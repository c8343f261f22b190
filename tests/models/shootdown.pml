/* SPDX-License-Identifier: MIT */
/*
 * Taking a page away from a space that another CPU installs at the same moment (arch/aarch64/tlb.c,
 * asid.c): the one clears the entry, waits for that, reads the identifier and broadcasts; the other
 * gives the space its identifier, waits for that, and walks the table. Stores are buffered until a
 * barrier.
 *
 * Shown: when the page is freed, no TLB has it.
 * MUTATIONS: NO_UNMAP_BARRIER NO_INSTALL_BARRIER NO_WAIT
 */
bool mapped = true, has_id;
bool unmap_buffered, id_buffered;
bool cached, invalidate, freed;

active proctype memory()
{
end:
	do
	:: atomic { unmap_buffered -> mapped = false; unmap_buffered = false }
	:: atomic { id_buffered -> has_id = true; id_buffered = false }
	:: atomic { invalidate -> cached = false; invalidate = false } /* the broadcast arrives */
	od
}

active proctype unmapper()
{
	bool id;
	unmap_buffered = true;
#ifndef NO_UNMAP_BARRIER
	!unmap_buffered; /* dsb ishst */
#endif
	id = has_id;
	if
	:: id ->
		!unmap_buffered;
		invalidate = true;
#ifndef NO_WAIT
		!invalidate /* dsb ish */
#endif
	:: else
	fi;
	!unmap_buffered;
	freed = true;
	assert(!cached)
}

active proctype installer()
{
	id_buffered = true;
#ifndef NO_INSTALL_BARRIER
	!id_buffered; /* dsb ish */
#endif
	do
	:: atomic { mapped -> cached = true; assert(!freed) }
	:: break
	od;
	!id_buffered
}
