/* SPDX-License-Identifier: MIT */
/*
 * Deferred interrupt work (core/softirq.c) on one CPU: a device and another CPU raise, a thread
 * disables and enables softirqs, the loop gives up after a round or two and hands over to softirqd,
 * which interrupts interrupt.
 *
 * The CPU runs one thing at a time: `level` says what (a thread or softirqd; softirq functions on
 * top; an interrupt on top of all), and interrupts come only where they are enabled. Shown:
 * functions never nest; whatever was raised is run by somebody in the end.
 * MUTATIONS: NO_IPI CLEAR_LATE BH_WITHOUT_LOOK NO_LAST_LOOK FORGET_THREAD
 */
bool pending, handed, in_softirq, irq_off, thread_wakes;
byte bh_count;
bool ipi;            /* an interrupt waits to be taken */
byte to_raise = 3;   /* raises that are still to come from outside */
byte unserved;       /* 1: something was raised that no function's run began after */
bool in_irq;

inline function()
{
	assert(!in_softirq);
	in_softirq = true;
#ifdef CLEAR_LATE
	irq_off = false;
	irq_window();
	irq_off = true;
	pending = false;
#else
	pending = false;
	irq_off = false;
	unserved = 0;
	irq_window();
	irq_off = true;
#endif
#ifdef CLEAR_LATE
	skip;
#endif
	in_softirq = false
}

/* The handler's end, where the interrupt came while functions or a section ran: nothing. */
inline irq_window()
{
	do
	:: ipi -> ipi = false
	:: break
	od
}

/* Rounds until nothing is pending, or the budget is used up. */
inline run_loop()
{
	byte rounds;
	rounds = 0;
	do
	:: function();
		rounds++;
		if
		:: !pending -> break
		:: pending && rounds < 2
		:: pending && rounds >= 1 ->
			handed = true;
#ifndef FORGET_THREAD
			thread_wakes = true;
#endif
			break
		fi
	od
}

inline irq_exit()
{
	if
	:: pending && bh_count == 0 && !in_softirq && !handed -> run_loop()
	:: else
	fi
}

/* One CPU: its threads' steps and the interrupts between them, as one process. */
active proctype cpu()
{
end:
	do
	:: ipi -> /* an interrupt comes while a thread runs */
		irq_off = true;
		ipi = false;
		irq_exit();
		irq_off = false
	:: to_raise > 0 -> /* a thread's section without softirqs */
		bh_count++;
		irq_window();
		bh_count--;
#ifndef BH_WITHOUT_LOOK
		if
		:: pending -> irq_off = true; irq_exit(); irq_off = false
		:: else
		fi
#endif
	:: thread_wakes -> /* softirqd */
		thread_wakes = false;
		do
		:: handed ->
			irq_off = true;
			function();
#ifdef NO_LAST_LOOK
			handed = false;
#else
			handed = pending;
#endif
			irq_off = false
		:: else -> break
		od
	od
}

/* Another CPU, or a device: the bit, then the interrupt unless the bit was set already. */
active proctype outside()
{
	bool was;
	do
	:: to_raise > 0 ->
		atomic {
			was = pending;
			pending = true;
			unserved = 1
		}
#ifndef NO_IPI
		if
		:: !was -> ipi = true
		:: else
		fi;
#endif
		to_raise--
	:: else -> break
	od
}

active proctype observer()
{
	timeout;
	assert(unserved == 0 && !pending && !handed)
}
