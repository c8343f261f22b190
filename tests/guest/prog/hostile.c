/* SPDX-License-Identifier: MIT */
/*
 * Runs hostile calls in processes of its own, several at a time, and starts another where one dies or no longer gets on.
 * A call may succeed or fail with an errno; the kernel must survive it, keep the caller's registers, and be able to end
 * the process. The environment's HOSTILE names one call to try alone.
 */
#include "guest.h"

#include "hostile.h"
#include "hostile_calls.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

enum { WORKERS = 4 };
#define STUCK_SECONDS 1.5
#define LAST_ERRNO    133
#define USER_UID      1000

/* What a worker tells its supervisor; in memory that they share. */
struct progress {
	_Atomic uint64_t next; /* attempt */
	_Atomic bool done;
	_Atomic uint32_t call; /* the last one, for the report */
	_Atomic uint64_t args[6];
	_Atomic int64_t wrong; /* a result that no call may have */
	_Atomic bool failed;
};

struct attempt {
	const struct hostile_call *call;
	uint64_t args[6];
};

/* How attempts follow from their numbers. False: there are no more. */
typedef bool attempt_fn(const struct hostile_world *w, uint64_t n, struct attempt *a);

struct plan {
	attempt_fn *attempt;
	double seconds; /* no more are begun after that */
	uid_t uid;
};

static struct progress *shared;

/* --- The call itself --- */

/*
 * The call, and whether the other argument registers are what they were. A task that the call created ends here: it may
 * have any stack, so nothing is done but by registers.
 */
static int64_t
call_kernel(uint64_t number, const uint64_t *a, uint64_t tid, bool *kept)
{
	register uint64_t x0 __asm__("x0") = a[0];
	register uint64_t x1 __asm__("x1") = a[1];
	register uint64_t x2 __asm__("x2") = a[2];
	register uint64_t x3 __asm__("x3") = a[3];
	register uint64_t x4 __asm__("x4") = a[4];
	register uint64_t x5 __asm__("x5") = a[5];
	register uint64_t x8 __asm__("x8") = number;
	register uint64_t x19 __asm__("x19") = tid;
	register uint64_t x20 __asm__("x20");
	__asm__ volatile("svc #0\n\t"
			 "mov x20, x0\n\t"
			 "mov x21, x8\n\t"
			 "mov x8, #178\n\t" /* gettid */
			 "svc #0\n\t"
			 "cmp x0, x19\n\t"
			 "b.eq 1f\n\t"
			 "mov x0, #0\n\t"
			 "mov x8, #93\n\t" /* exit */
			 "svc #0\n"
			 "1:\tmov x8, x21"
		: "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x8), "+r"(x19),
		"=r"(x20)
		:
		: "x21", "memory", "cc");
	*kept = x1 == a[1] && x2 == a[2] && x3 == a[3] && x4 == a[4] && x5 == a[5] && x8 == number;
	return (int64_t)x20;
}

/* An errno that programs know, or what succeeded; never one of the kernel's own codes. */
static bool
is_result(const struct hostile_call *c, int64_t r)
{
	if (!c->implemented)
		return r == -ENOSYS;
	return r >= -LAST_ERRNO;
}

/* --- A worker --- */

static void
interrupted(int sig)
{
	(void)sig;
}

/* So that a call that sleeps ends; whatever an earlier call made of signals and timers. */
static void
rearm(void)
{
	struct sigaction sa = {.sa_handler = interrupted, .sa_flags = SA_ONSTACK};
	sigset_t none;
	sigemptyset(&none);
	sigaction(SIGALRM, &sa, NULL);
	sigprocmask(SIG_SETMASK, &none, NULL);
	struct itimerval t = {{0, 5000}, {0, 5000}};
	setitimer(ITIMER_REAL, &t, NULL);
}

static void
limit(int resource, rlim_t value)
{
	struct rlimit r = {value, value};
	CHECK_EQ(setrlimit(resource, &r), 0);
}

static void
become_worker(unsigned worker, uid_t uid, struct hostile_world *w)
{
	char dir[40];
	static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGHUP, SIGUSR1, SIGUSR2, SIGIO, SIGCHLD};
	setsid();
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	snprintf(dir, sizeof(dir), "/tmp/hostile-%u", worker);
	hostile_world_create(w, dir);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 96 << 20);
	limit(RLIMIT_NOFILE, 200);
	limit(RLIMIT_CORE, 0);
	if (uid != 0) {
		CHECK_EQ(setgid(uid), 0);
		CHECK_EQ(setuid(uid), 0);
	}
}

static void
try_attempt(struct hostile_world *w, struct progress *p, const struct attempt *a)
{
	bool kept = true;
	if (hostile_is_barred(w, a->call, a->args))
		return;
	atomic_store(&p->call, (uint32_t)(a->call - hostile_calls));
	for (unsigned i = 0; i < 6; i++)
		atomic_store(&p->args[i], a->args[i]);
	rearm();
	int64_t r = call_kernel(a->call->number, a->args, (uint64_t)w->pid, &kept);
	if (!is_result(a->call, r) || !kept) {
		atomic_store(&p->wrong, kept ? r : 0);
		atomic_store(&p->failed, true);
		_exit(1);
	}
}

static _Noreturn void
work(unsigned worker, const struct plan *plan, double end)
{
	struct hostile_world w;
	struct progress *p = &shared[worker];
	struct attempt a;
	become_worker(worker, plan->uid, &w);
	for (unsigned n = 0;; n++) {
		uint64_t i = atomic_fetch_add(&p->next, 1);
		if (guest_now() > end || !plan->attempt(&w, i * WORKERS + worker, &a))
			break;
		if (n % 8 == 0)
			hostile_world_refresh(&w, i);
		try_attempt(&w, p, &a);
	}
	atomic_store(&p->done, true);
	_exit(0);
}

/* --- The supervisor --- */

struct watch {
	pid_t pid;
	uint64_t seen; /* of progress.next */
	double since;
	unsigned stuck, died;
};

static void
start_worker(struct watch *s, unsigned worker, const struct plan *plan, double end)
{
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0)
		work(worker, plan, end);
	s->since = guest_now();
}

static void
describe(const struct progress *p, char *text, size_t n)
{
	int at = snprintf(text, n, "%s(", hostile_calls[atomic_load(&p->call)].name);
	for (unsigned i = 0; i < 6; i++)
		at += snprintf(text + at, n - (size_t)at, "%s%#llx", i == 0 ? "" : ", ",
			(unsigned long long)atomic_load(&p->args[i]));
	snprintf(text + at, n - (size_t)at, ")");
}

/* A worker that does not get on is ended; that must work, whatever it sleeps on. */
static void
end_stuck(struct watch *s, unsigned worker)
{
	char text[200];
	double end = guest_now() + 15;
	kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, WNOHANG) != s->pid) {
		if (guest_now() > end) {
			describe(&shared[worker], text, sizeof(text));
			guest_fail(__FILE__, __LINE__, "cannot be killed: %s", text);
		}
		guest_sleep_ms(5);
	}
	s->pid = 0;
	s->stuck++;
}

static void
check_worker(const struct progress *p)
{
	char text[200];
	if (!atomic_load(&p->failed))
		return;
	describe(p, text, sizeof(text));
	int64_t wrong = atomic_load(&p->wrong);
	if (wrong == 0)
		guest_fail(__FILE__, __LINE__, "changed the caller's registers: %s", text);
	guest_fail(__FILE__, __LINE__, "gave %lld: %s", (long long)wrong, text);
}

/* Whether the worker has more to do. */
static bool
supervise(struct watch *s, unsigned worker, const struct plan *plan, double end)
{
	struct progress *p = &shared[worker];
	if (s->pid != 0 && waitpid(s->pid, NULL, WNOHANG) == s->pid) {
		s->pid = 0;
		s->died++;
	}
	check_worker(p);
	uint64_t next = atomic_load(&p->next);
	if (next != s->seen) {
		s->seen = next;
		s->since = guest_now();
	} else if (s->pid != 0 && guest_now() > s->since + STUCK_SECONDS) {
		end_stuck(s, worker);
	}
	if (s->pid == 0 && !atomic_load(&p->done))
		start_worker(s, worker, plan, end);
	return s->pid != 0;
}

/* What calls of root may have changed for everybody. */
struct machine_state {
	struct utsname names;
	struct timespec wall, mono;
};

static void
save_machine(struct machine_state *m)
{
	CHECK_EQ(uname(&m->names), 0);
	clock_gettime(CLOCK_REALTIME, &m->wall);
	clock_gettime(CLOCK_MONOTONIC, &m->mono);
}

static void
restore_machine(const struct machine_state *m)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	struct timespec wall = {m->wall.tv_sec + now.tv_sec - m->mono.tv_sec, m->wall.tv_nsec};
	(void)clock_settime(CLOCK_REALTIME, &wall);
	(void)sethostname(m->names.nodename, strlen(m->names.nodename));
	(void)setdomainname(m->names.domainname, strlen(m->names.domainname));
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/urandom"};
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		(void)chown(devices[i], 0, 0);
		(void)chmod(devices[i], 0666);
	}
}

static void
run_plan(const struct plan *plan)
{
	struct watch watch[WORKERS] = {0};
	struct machine_state machine;
	double end = guest_now() + plan->seconds;
	shared = mmap(NULL, sizeof(*shared) * WORKERS, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	CHECK_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1),
		0); /* what workers leave behind is waited for here */
	save_machine(&machine);
	for (bool busy = true; busy;) {
		busy = false;
		for (unsigned i = 0; i < WORKERS; i++)
			busy |= supervise(&watch[i], i, plan, end);
		guest_sleep_ms(2);
	}
	while (waitpid(-1, NULL, 0) > 0)
		;
	restore_machine(&machine);
	uint64_t tried = 0;
	unsigned stuck = 0, died = 0;
	for (unsigned i = 0; i < WORKERS; i++) {
		char dir[40];
		snprintf(dir, sizeof(dir), "/tmp/hostile-%u", i);
		hostile_world_remove(dir);
		tried += atomic_load(&shared[i].next);
		stuck += watch[i].stuck;
		died += watch[i].died;
	}
	printf("hostile: %llu calls, %u processes died, %u slept on\n", (unsigned long long)tried,
		died, stuck);
	fflush(stdout);
}

/* --- The plans --- */

static const struct hostile_call *
only_call(void)
{
	const char *name = getenv("HOSTILE");
	for (uint32_t i = 0; name != NULL && i < hostile_calls_count; i++)
		if (strcmp(hostile_calls[i].name, name) == 0)
			return &hostile_calls[i];
	return NULL;
}

/* Calls that a Linux has and swos has not are tried here only. */
static bool
is_tried(const struct hostile_call *c)
{
	const struct hostile_call *only = only_call();
	return only != NULL ? c == only : c->implemented || guest_is_swos();
}

static uint64_t
attempts_of(const struct hostile_call *c)
{
	if (!is_tried(c))
		return 0;
	return c->nargs == 0 ? 1 : (uint64_t)c->nargs * hostile_values_count();
}

/* Each argument with each value, the others plausible. */
static bool
attempt_each(const struct hostile_world *w, uint64_t n, struct attempt *a)
{
	static uint64_t base, counts[1024];
	static uint32_t at;
	if (counts[0] == 0)
		for (uint32_t i = 0; i < hostile_calls_count; i++)
			counts[i] = 1 + attempts_of(&hostile_calls[i]);
	while (at < hostile_calls_count && n - base >= counts[at] - 1)
		base += counts[at++] - 1;
	if (at == hostile_calls_count)
		return false;
	uint64_t seed = n, m = n - base;
	a->call = &hostile_calls[at];
	for (unsigned i = 0; i < 6; i++) {
		uint64_t random = hostile_random(&seed);
		a->args[i] = i < a->call->nargs ? hostile_plausible(w, a->call, i, random) : random;
	}
	if (a->call->nargs != 0)
		a->args[m / hostile_values_count()] =
			hostile_value(w, (uint32_t)(m % hostile_values_count()));
	return true;
}

/* Any call, each argument either; for as long as there is time. */
static bool
attempt_any(const struct hostile_world *w, uint64_t n, struct attempt *a)
{
	uint64_t seed = n * 7919 + 1;
	do
		a->call = &hostile_calls[hostile_random(&seed) % hostile_calls_count];
	while (!is_tried(a->call));
	for (unsigned i = 0; i < 6; i++) {
		uint64_t random = hostile_random(&seed);
		bool plausible = i < a->call->nargs && hostile_random(&seed) % 4 != 0;
		a->args[i] = plausible
			? hostile_plausible(w, a->call, i, random)
			: hostile_value(w, (uint32_t)(random % hostile_values_count()));
	}
	return true;
}

/* The caches of names, objects and pages that such calls fill are not leaks of theirs. */
/* What root makes (mounts, files in /tmp) stays when it succeeds: no leak of the kernel's. */
GUEST_TEST_FLAGS(hostile_arguments_as_root, GUEST_LEAKS_CACHE)
{
	run_plan(&(struct plan){attempt_each, 45, 0});
}

GUEST_TEST(hostile_arguments_as_user)
{
	run_plan(&(struct plan){attempt_each, 45, USER_UID});
}

GUEST_TEST_FLAGS(hostile_anything_as_root, GUEST_LEAKS_CACHE)
{
	run_plan(&(struct plan){attempt_any, 10, 0});
}

GUEST_TEST(hostile_anything_as_user)
{
	run_plan(&(struct plan){attempt_any, 10, USER_UID});
}

GUEST_TEST(hostile_numbers)
{
	static const uint64_t numbers[] = {244, 259, 451, 511, 512, 1000, 4095, 4099, 5000, 65536,
		0x7fffffff, 0x80000000, 0xffffffff, ~0ull, ~0ull - 4095};
	uint64_t args[6] = {~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull};
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		bool kept;
		CHECK_EQ(call_kernel(numbers[i], args, (uint64_t)getpid(), &kept), -ENOSYS);
		CHECK(kept);
	}
}
