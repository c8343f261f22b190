/* SPDX-License-Identifier: MIT */
/*
 * Explores TCP's core: two ends with a few bytes to say, windows of a few bytes, and a channel that delivers in any
 * order, loses and duplicates. Breadth first over the real code, from every state of an orderly connection on: each
 * state is two cloned connections, what lies in the channel, and what the users have done; states that differ in
 * nothing but time are one.
 *
 * In every state: no byte is lost, invented or out of order; the core's books are right; something is pending (a
 * segment, a timer, a user) unless all is over; and when the channel behaves from then on, both ends receive everything
 * and end closed.
 *
 *	explore_tcp [-d depth] [-l losses] [-u duplicates] [-t timeouts] [-b bytes] [-w window] [-n] [-s] [-q]
 *		-n: without SACK; -s: both connect; -q: only the verdict
 *
 * Prints how many states there were; on a violation the steps that led there, and exits with 1.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/net/tcp/core_internal.h"

enum { CHANNEL = 6, PATH = 64, FAIR_STEPS = 400 };

#define ISS(e) ((e) ? 0xfffffffdu : 0x7ffffffeu) /* every sequence space wraps at once */
#define MSS    2u

static struct {
	uint32_t depth, losses, duplicates, timeouts, bytes, window;
	bool sack, simultaneous, quiet;
} config = {.depth = 8,
	.losses = 1,
	.duplicates = 1,
	.timeouts = 2,
	.bytes = 3,
	.window = 2,
	.sack = true};

enum mode { LISTENING, REQUEST, CONNECTION, TIMEWAIT, OVER };

struct end {
	struct tcp_conn c;
	struct tcp_request request;
	struct tcp_timewait tw;
	uint8_t mode;
	uint8_t written, acked, delivered, read, shut, eof, error;
	uint32_t kept; /* a bit for each byte of the stream that is kept out of order */
};

struct flight {
	struct tcp_segment seg;
	uint8_t to;
};

struct world {
	struct end end[2];
	struct flight channel[CHANNEL];
	uint8_t count, losses, duplicates, timeouts;
	uint64_t now;
	uint8_t length;
	uint16_t path[PATH]; /* the steps that led here */
};

static const struct world *failing;
static uint64_t states, transitions;

/* --- steps --- */

enum { STEP_DELIVER, STEP_LOSE, STEP_DUPLICATE, STEP_TIMER, STEP_WRITE, STEP_READ, STEP_SHUT };

static const char *const step_names[] = {
	"deliver", "lose", "duplicate", "timer", "write", "read", "shut down"};

static void
print_end(const struct end *x)
{
	const struct tcp_conn *c = &x->c;
	printf("    mode %u state %u ca %u timer %u flags %x todo %x una +%u nxt +%u wnd %u rcv "
	       "+%u wnd %u "
	       "cwnd %u sacked %u lost %u retrans %u written %u delivered %u read %u\n",
		x->mode, c->state, c->ca_state, c->timer, c->flags, c->todo,
		c->snd_nxt - c->snd_una, c->write_seq - c->snd_nxt, c->snd_wnd, c->ooo_count,
		tcp_rcv_window(c), c->cwnd, c->sacked, c->lost, c->retrans, x->written,
		x->delivered, x->read);
}

_Noreturn static void
violated(const char *what)
{
	printf("violated: %s\n", what);
	if (failing != NULL) {
		for (uint32_t i = 0; i < failing->length; i++)
			printf("  %2u %s %u\n", i, step_names[failing->path[i] >> 8],
				failing->path[i] & 0xffu);
		for (uint32_t i = 0; i < failing->count; i++) {
			const struct flight *f = &failing->channel[i];
			printf("    to %u: flags %x seq +%u ack +%u len %u wnd %u\n", f->to,
				f->seg.flags, f->seg.seq - ISS(!f->to), f->seg.ack - ISS(f->to),
				f->seg.len, f->seg.wnd);
		}
		print_end(&failing->end[0]);
		print_end(&failing->end[1]);
	}
	exit(1);
}

#define MUST(x)                       \
	do {                          \
		if (!(x))             \
			violated(#x); \
	} while (0)

static void *
take(void *ctx, size_t n)
{
	return malloc(n);
}

static void
give(void *ctx, void *p, size_t n)
{
	free(p);
}

static const struct tcp_memory memory = {take, give, NULL};

static struct tcp_env
environment(const struct world *w)
{
	return (struct tcp_env){.now = w->now, .mss = 1460, .memory = &memory};
}

static void
check_books(struct tcp_conn *c)
{
	uint32_t at = c->snd_una, sacked = 0, lost = 0, retrans = 0;
	for (uint32_t i = 0; i < c->sent_count; i++) {
		const struct tcp_sent *s = tcp_sent_at(c, i);
		uint32_t n = s->end - s->start;
		MUST(s->start == at && (int32_t)n > 0);
		at = s->end;
		sacked += s->flags & TCP_SENT_SACKED ? n : 0;
		lost += s->flags & TCP_SENT_LOST ? n : 0;
		retrans += s->flags & TCP_SENT_RETRANS ? n : 0;
	}
	MUST(at == c->snd_nxt && lost == c->lost && retrans == c->retrans);
	MUST(!(c->flags & TCPF_SACK) || sacked == c->sacked);
	MUST(c->sent_count == 0 || c->timer != TCP_TIMER_NONE);
	MUST(!tcp_unsent(c) || tcp_deadline(c) != UINT64_MAX || c->state == TCP_SYN_RECV);
}

static bool
same(const struct flight *a, const struct flight *b)
{
	return a->to == b->to && a->seg.seq == b->seg.seq && a->seg.ack == b->seg.ack &&
		a->seg.len == b->seg.len && a->seg.flags == b->seg.flags &&
		a->seg.wnd == b->seg.wnd && a->seg.nr_sack == b->seg.nr_sack &&
		memcmp(a->seg.sack, b->seg.sack, a->seg.nr_sack * sizeof(a->seg.sack[0])) == 0;
}

/* The channel holds no segment twice (that is what duplicating is for), and loses what it has no room for. */
static void
emit(struct world *w, int from, const struct tcp_segment *seg)
{
	struct flight f = {.seg = *seg, .to = (uint8_t)!from};
	if (seg->flags & TCP_SYN)
		f.seg.opts &= TCP_HAS_MSS | (config.sack ? TCP_HAS_SACKOK : 0);
	const struct end *x = &w->end[from];
	uint32_t offset = seg->seq - ISS(from) - 1;
	MUST(seg->len == 0 || (offset >= x->acked && offset + seg->len <= x->written));
	for (uint32_t i = 0; i < w->count; i++)
		if (same(&w->channel[i], &f))
			return;
	if (w->count < CHANNEL)
		w->channel[w->count++] = f;
}

static void
space(struct end *x)
{
	uint32_t used = (uint32_t)x->delivered - x->read;
	tcp_set_rcv_space(&x->c, used < config.window ? config.window - used : 0, config.window);
}

static void
after(struct world *w, int e, const struct tcp_actions *act)
{
	struct end *x = &w->end[e];
	struct tcp_env env = environment(w);
	struct tcp_segment out;
	x->acked = (uint8_t)(x->acked + act->acked);
	MUST(x->acked <= x->written);
	if (act->what & TCP_DO_RDHUP) {
		MUST(x->delivered == config.bytes);
		x->eof = 1;
	}
	if (act->what & TCP_DO_CONNECTED) {
		x->c.mss = MSS;
		x->c.cwnd = 2 * MSS;
		x->c.rcv_mss = MSS;
	}
	if (act->what & TCP_DO_ERROR)
		x->error = (uint8_t)act->error;
	for (int i = 0; tcp_output(&x->c, &env, &out); i++) {
		MUST(i < 100);
		emit(w, e, &out);
	}
	if (act->what & TCP_DO_TIME_WAIT)
		tcp_timewait_init(&x->tw, &env, &x->c);
	else if (!(act->what & TCP_DO_CLOSED)) {
		check_books(&x->c);
		return;
	}
	x->mode = act->what & TCP_DO_CLOSED ? OVER : TIMEWAIT;
	tcp_conn_free(&x->c, &memory);
	x->c.state = TCP_CLOSE;
}

static void
configure(struct end *x)
{
	tcp_conn_init(&x->c);
	x->c.cc = TCP_CC_RENO;
	x->mode = CONNECTION;
	space(x);
}

static void
place(struct end *x, int e, const struct tcp_segment *seg, const struct tcp_actions *act)
{
	uint32_t base = ISS(!e) + 1;
	if (act->deliver_len > 0) {
		MUST(seg->seq + act->deliver_off - base == x->delivered);
		x->delivered = (uint8_t)(x->delivered + act->deliver_len);
	}
	uint32_t at = seg->seq + act->keep_off - base;
	MUST(act->keep_len == 0 || (at > x->delivered && at + act->keep_len <= config.bytes));
	for (uint32_t i = 0; i < act->keep_len; i++)
		x->kept |= 1u << (at + i);
	uint32_t end = x->c.rcv_nxt - base - (x->c.flags & TCPF_FIN_RCVD ? 1 : 0);
	MUST(end <= config.bytes);
	uint32_t next = x->delivered;
	for (; next < end; next++)
		MUST(x->kept & 1u << next);
	MUST(next == end);
	x->delivered = (uint8_t)next;
}

static void
input_connection(struct world *w, int e, const struct tcp_segment *seg)
{
	struct end *x = &w->end[e];
	struct tcp_env env = environment(w);
	struct tcp_actions act;
	struct tcp_segment out;
	tcp_input(&x->c, &env, seg, &act);
	if (x->c.state != TCP_SYN_SENT)
		place(x, e, seg, &act);
	if ((act.what & TCP_DO_RESET) && tcp_reset_reply(seg, &out))
		emit(w, e, &out);
	space(x);
	after(w, e, &act);
}

static void
input_request(struct world *w, int e, const struct tcp_segment *seg)
{
	struct end *x = &w->end[e];
	struct tcp_env env = environment(w);
	struct tcp_segment out;
	enum tcp_verdict v = tcp_request_input(&x->request, &env, seg, &out);
	if (v == TCP_VERDICT_REPLY)
		emit(w, e, &out);
	else if (v == TCP_VERDICT_RESET && tcp_reset_reply(seg, &out))
		emit(w, e, &out);
	else if (v == TCP_VERDICT_KILL)
		x->mode = LISTENING;
	if (v != TCP_VERDICT_ACCEPT)
		return;
	configure(x);
	tcp_conn_from_request(&x->c, &env, &x->request);
	input_connection(w, e, seg);
}

static void
input(struct world *w, int e, const struct tcp_segment *seg)
{
	struct end *x = &w->end[e];
	struct tcp_env env = environment(w);
	struct tcp_segment out;
	uint32_t min_iss;
	if (x->mode == CONNECTION) {
		input_connection(w, e, seg);
	} else if (x->mode == REQUEST) {
		input_request(w, e, seg);
	} else if (x->mode == TIMEWAIT) {
		enum tcp_verdict v = tcp_timewait_input(&x->tw, &env, seg, &out, &min_iss);
		MUST(v != TCP_VERDICT_ABORT && v != TCP_VERDICT_NEW_SYN);
		if (v == TCP_VERDICT_REPLY)
			emit(w, e, &out);
	} else if (x->mode == LISTENING &&
		(seg->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN) {
		struct tcp_request_config rc = {.iss = ISS(e),
			.ts_offset = 1,
			.rcv_buffer = config.window,
			.rcv_max = config.window,
			.adv_mss = 1460};
		tcp_request_init(&x->request, &env, seg, &rc);
		x->mode = REQUEST;
		tcp_request_synack(&x->request, &env, &out);
		emit(w, e, &out);
	} else if (x->mode == OVER && x->error == 0 && (seg->flags & TCP_RST) == 0) {
		/* Who got everything and is closed answers stray segments with resets, which hurt nobody any more. */
	}
}

static uint64_t
deadline(const struct end *x)
{
	switch (x->mode) {
	case CONNECTION:
		return tcp_deadline(&x->c);
	case REQUEST:
		return x->request.retry_at;
	case TIMEWAIT:
		return x->tw.expires;
	default:
		return UINT64_MAX;
	}
}

static void
timer(struct world *w, int e)
{
	struct end *x = &w->end[e];
	w->now = max(w->now, deadline(x));
	struct tcp_env env = environment(w);
	struct tcp_actions act;
	struct tcp_segment out;
	if (x->mode == CONNECTION) {
		tcp_timer(&x->c, &env, &act);
		after(w, e, &act);
	} else if (x->mode == REQUEST) {
		enum tcp_verdict v = tcp_request_timer(&x->request, &env, 5, &out);
		if (v == TCP_VERDICT_REPLY)
			emit(w, e, &out);
		else if (v == TCP_VERDICT_KILL)
			x->mode = LISTENING;
	} else if (x->mode == TIMEWAIT) {
		x->mode = OVER;
	}
}

static void
user(struct world *w, int e, uint32_t step)
{
	struct end *x = &w->end[e];
	struct tcp_env env = environment(w);
	struct tcp_actions act = {0};
	if (step == STEP_WRITE) {
		x->written++;
		tcp_write(&x->c, &env, 1, 0);
	} else if (step == STEP_READ) {
		x->read++;
		if (x->mode != CONNECTION)
			return;
		space(x);
		tcp_read(&x->c, &env, 1, &act);
	} else {
		x->shut = 1;
		tcp_shutdown(&x->c, &env, &act);
	}
	after(w, e, &act);
}

static bool
may(const struct world *w, uint32_t step, uint32_t i)
{
	const struct end *x = &w->end[i & 1];
	bool open =
		x->mode == CONNECTION && x->c.state != TCP_SYN_SENT && x->c.state != TCP_SYN_RECV;
	switch (step) {
	case STEP_DELIVER:
		return i < w->count;
	case STEP_LOSE:
		return i < w->count && w->losses < config.losses;
	case STEP_DUPLICATE:
		return i < w->count && w->duplicates < config.duplicates;
	case STEP_TIMER:
		return i < 2 && deadline(x) != UINT64_MAX && x->mode != TIMEWAIT &&
			w->timeouts < config.timeouts;
	case STEP_WRITE:
		return i < 2 && open && !x->shut && x->written < config.bytes;
	case STEP_READ:
		return i < 2 && x->read < x->delivered;
	default:
		return i < 2 && open && !x->shut && x->written == config.bytes;
	}
}

static void
apply(struct world *w, uint32_t step, uint32_t i)
{
	w->now += 10000000;
	if (step <= STEP_DUPLICATE) {
		struct flight f = w->channel[i];
		if (step == STEP_DUPLICATE) {
			w->duplicates++;
		} else {
			memmove(w->channel + i, w->channel + i + 1,
				(w->count - i - 1u) * sizeof(w->channel[0]));
			w->count--;
		}
		if (step == STEP_LOSE)
			w->losses++;
		else
			input(w, f.to, &f.seg);
	} else if (step == STEP_TIMER) {
		w->timeouts++;
		timer(w, (int)i);
	} else {
		user(w, (int)i, step);
	}
}

/* --- worlds --- */

static void
copy(struct world *to, const struct world *w)
{
	*to = *w;
	for (int e = 0; e < 2; e++)
		if (!tcp_conn_clone(&to->end[e].c, &w->end[e].c, &memory))
			abort();
}

static void
drop(struct world *w)
{
	for (int e = 0; e < 2; e++)
		tcp_conn_free(&w->end[e].c, &memory);
}

static bool
finished(const struct world *w)
{
	for (int e = 0; e < 2; e++) {
		const struct end *x = &w->end[e];
		if (x->mode < TIMEWAIT || x->error || x->delivered != config.bytes || !x->eof ||
			x->read != config.bytes)
			return false;
	}
	return true;
}

/* The next step of users who do what they can, over a channel that behaves: timers only when nothing else is left. */
static void
fair_step(struct world *w)
{
	uint32_t step, k = 0;
	for (step = STEP_WRITE; step <= STEP_SHUT; step++) {
		for (k = 0; k < 2 && !may(w, step, k); k++)
			;
		if (k < 2)
			break;
	}
	if (step > STEP_SHUT) {
		uint64_t a = deadline(&w->end[0]), b = deadline(&w->end[1]);
		step = w->count > 0 ? STEP_DELIVER : STEP_TIMER;
		k = step == STEP_TIMER && b < a ? 1 : 0;
		if (step == STEP_TIMER && a == UINT64_MAX && b == UINT64_MAX)
			violated("something is pending unless all is over");
	}
	if (w->length < PATH)
		w->path[w->length++] = (uint16_t)(step << 8 | k);
	apply(w, step, k);
}

/* From here on nothing is lost: everything must come to its end. */
static void
check_fair(const struct world *from)
{
	struct world w;
	copy(&w, from);
	failing = &w;
	for (int i = 0; !finished(&w); i++) {
		if (i >= FAIR_STEPS)
			violated("everything comes to its end once the channel behaves");
		fair_step(&w);
	}
	drop(&w);
	failing = NULL;
}

/* --- visited states --- */

static uint64_t (*visited)[2];
static uint64_t visited_cap = 1 << 16;

struct hash {
	uint64_t a, b;
};

static void
mix(struct hash *h, uint64_t v)
{
	h->a = (h->a ^ v) * 0x9e3779b97f4a7c15ull;
	h->a ^= h->a >> 29;
	h->b = (h->b + v) * 0xd6e8feb86659fd93ull;
	h->b ^= h->b >> 32;
}

static void
mix_conn(struct hash *h, struct tcp_conn *c, int e)
{
	uint32_t i = ISS(e), r = ISS(!e);
	mix(h, c->state | c->ca_state << 8 | c->timer << 16 | (uint64_t)c->todo << 24);
	mix(h, c->flags);
	mix(h, (uint64_t)(c->snd_una - i) << 32 | (c->snd_nxt - i));
	mix(h, (uint64_t)(c->write_seq - i) << 32 | c->snd_wnd);
	mix(h, (uint64_t)(c->rcv_nxt - r) << 32 | (c->rcv_wup + c->rcv_wnd - r));
	mix(h, (uint64_t)min(c->cwnd, 8 * MSS) << 32 | min(c->ssthresh, 8 * MSS));
	mix(h, (uint64_t)(c->snd_sml - i) << 32 | (c->delack_at != 0) << 8 | c->dupacks);
	mix(h, c->sacked | (uint64_t)c->prr_out << 16 | (uint64_t)c->prr_delivered << 32);
	mix(h,
		(c->high_seq - i) | (uint64_t)(c->undo_marker != 0) << 32 |
			(uint64_t)(c->tlp_high != 0) << 33);
	mix(h, c->snd_wl1 - r);
	for (uint32_t k = 0; k < c->sent_count; k++) {
		const struct tcp_sent *s = tcp_sent_at(c, k);
		mix(h,
			(uint64_t)(s->start - i) << 40 | (uint64_t)(s->end - i) << 16 |
				(s->flags & 0xffff));
	}
	for (uint32_t k = 0; k < c->ooo_count; k++)
		mix(h, (uint64_t)(c->ooo[k].start - r) << 32 | (c->ooo[k].end - r));
}

static struct hash
digest(struct world *w)
{
	struct hash h = {1, 2}, sum = {0, 0};
	for (int e = 0; e < 2; e++) {
		struct end *x = &w->end[e];
		mix(&h, x->mode | x->written << 8 | x->acked << 16 | (uint64_t)x->delivered << 24);
		mix(&h, x->read | x->shut << 8 | x->eof << 16 | (uint64_t)x->error << 24);
		mix(&h, x->kept);
		if (x->mode == CONNECTION)
			mix_conn(&h, &x->c, e);
	}
	/* The channel is a set. */
	for (uint32_t i = 0; i < w->count; i++) {
		const struct flight *f = &w->channel[i];
		struct hash one = {3, 4};
		mix(&one, f->to | f->seg.flags << 8 | (uint64_t)f->seg.len << 32);
		mix(&one, (uint64_t)(f->seg.seq - ISS(!f->to)) << 32 | (f->seg.ack - ISS(f->to)));
		mix(&one, f->seg.wnd | (uint64_t)f->seg.nr_sack << 32);
		for (uint32_t k = 0; k < f->seg.nr_sack; k++)
			mix(&one, (uint64_t)f->seg.sack[k].start << 32 | f->seg.sack[k].end);
		sum.a += one.a;
		sum.b += one.b;
	}
	mix(&h, sum.a);
	mix(&h, sum.b);
	mix(&h, w->losses | w->duplicates << 8 | w->timeouts << 16);
	return h;
}

static bool insert(struct hash h);

static void
enlarge(void)
{
	uint64_t(*old)[2] = visited;
	uint64_t n = visited_cap;
	visited_cap *= 2;
	states = 0;
	visited = calloc(visited_cap, sizeof(*visited));
	for (uint64_t i = 0; i < n; i++)
		if (old[i][0] | old[i][1])
			(void)insert((struct hash){old[i][0], old[i][1]});
	free(old);
}

/* true: it is new. */
static bool
insert(struct hash h)
{
	if (visited == NULL)
		visited = calloc(visited_cap, sizeof(*visited));
	if (states * 2 > visited_cap)
		enlarge();
	uint64_t i = h.a & (visited_cap - 1);
	for (; visited[i][0] | visited[i][1]; i = (i + 1) & (visited_cap - 1))
		if (visited[i][0] == h.a && visited[i][1] == h.b)
			return false;
	visited[i][0] = h.a;
	visited[i][1] = h.b;
	states++;
	return true;
}

/* --- breadth first --- */

struct level {
	struct world *world;
	uint64_t count, cap;
};

static void
add(struct level *l, const struct world *w)
{
	if (l->count == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		struct world *bigger = realloc(l->world, l->cap * sizeof(*w));
		if (bigger == NULL)
			abort();
		l->world = bigger;
	}
	l->world[l->count++] = *w;
}

static void
expand(const struct world *w, struct level *next)
{
	for (uint32_t step = STEP_DELIVER; step <= STEP_SHUT; step++) {
		for (uint32_t i = 0; i < CHANNEL; i++) {
			if (!may(w, step, i))
				continue;
			struct world to;
			copy(&to, w);
			if (to.length < PATH)
				to.path[to.length++] = (uint16_t)(step << 8 | i);
			failing = &to;
			apply(&to, step, i);
			transitions++;
			if (insert(digest(&to))) {
				check_fair(&to);
				add(next, &to);
			} else {
				drop(&to);
			}
		}
	}
}

static void
begin(struct world *w)
{
	*w = (struct world){.now = 1000000000};
	struct tcp_env env = environment(w);
	for (int e = 0; e < 2; e++) {
		struct tcp_actions none = {0};
		tcp_conn_init(&w->end[e].c);
		if (e == 1 && !config.simultaneous)
			continue;
		configure(&w->end[e]);
		tcp_connect(&w->end[e].c, &env, ISS(e), 1, config.window);
		after(w, e, &none);
	}
}

static void
explore(void)
{
	struct level level = {0};
	struct world w, at;
	begin(&w);
	/* From the beginning alone the end would be too deep: every state of an orderly life is a start. */
	for (;;) {
		copy(&at, &w);
		if (insert(digest(&at)))
			add(&level, &at);
		else
			drop(&at);
		if (finished(&w))
			break;
		failing = &w;
		fair_step(&w);
	}
	drop(&w);
	for (uint32_t depth = 0; depth < config.depth && level.count > 0; depth++) {
		struct level next = {0};
		for (uint64_t i = 0; i < level.count; i++) {
			expand(&level.world[i], &next);
			drop(&level.world[i]);
		}
		free(level.world);
		level = next;
		if (!config.quiet)
			printf("depth %u: %llu new, %llu states, %llu steps\n", depth + 1,
				(unsigned long long)level.count, (unsigned long long)states,
				(unsigned long long)transitions);
		fflush(stdout);
	}
	printf("ok: %llu states, %llu steps%s\n", (unsigned long long)states,
		(unsigned long long)transitions, level.count == 0 ? ", all of them" : "");
	for (uint64_t i = 0; i < level.count; i++)
		drop(&level.world[i]);
	free(level.world);
	free(visited);
}

int
main(int argc, char **argv)
{
	int o;
	while ((o = getopt(argc, argv, "d:l:u:t:b:w:nsq")) != -1) {
		uint32_t v = optarg != NULL ? (uint32_t)strtoul(optarg, NULL, 10) : 0;
		switch (o) {
		case 'd':
			config.depth = v;
			break;
		case 'l':
			config.losses = v;
			break;
		case 'u':
			config.duplicates = v;
			break;
		case 't':
			config.timeouts = v;
			break;
		case 'b':
			config.bytes = v;
			break;
		case 'w':
			config.window = v;
			break;
		case 'n':
			config.sack = false;
			break;
		case 's':
			config.simultaneous = true;
			break;
		case 'q':
			config.quiet = true;
			break;
		default:
			fprintf(stderr,
				"usage: explore_tcp [-d depth] [-l losses] [-u duplicates] "
				"[-t timeouts] [-b bytes] [-w window] [-nsq]\n");
			return 2;
		}
	}
	explore();
	return 0;
}
