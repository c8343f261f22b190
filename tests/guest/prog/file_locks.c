/* SPDX-License-Identifier: MIT */
/* Record locks: ranges that split and join, and whose they are when processes and handles go. */
#include "guest.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "file_util.h"

static int
lock(int fd, int cmd, short type, off_t start, off_t len)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len};
	return fcntl(fd, cmd, &l);
}

/* Who holds what at a byte, asked by a child: the type that is in the way of writing. */
static short
held_at(int fd, off_t at)
{
	int p[2];
	short type = -1;
	CHECK_EQ(pipe(p), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = at, .l_len = 1};
		type = fcntl(fd, F_GETLK, &l) == 0 ? l.l_type : -1;
		(void)!write(p[1], &type, sizeof(type));
		_exit(0);
	}
	CHECK_EQ(read(p[0], &type, sizeof(type)), sizeof(type));
	guest_reap(pid);
	close(p[0]);
	close(p[1]);
	return type;
}

FILE_TEST(file_locks_split_and_join)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 100), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 40, 20), 0); /* the middle becomes shared */
	CHECK_EQ(held_at(fd, 39), F_WRLCK);
	CHECK_EQ(held_at(fd, 40), F_RDLCK);
	CHECK_EQ(held_at(fd, 59), F_RDLCK);
	CHECK_EQ(held_at(fd, 60), F_WRLCK);
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 45, 5), 0);
	CHECK_EQ(held_at(fd, 44), F_RDLCK);
	CHECK_EQ(held_at(fd, 47), F_UNLCK);
	CHECK_EQ(held_at(fd, 50), F_RDLCK);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0); /* to the end, for ever */
	CHECK_EQ(held_at(fd, 47), F_WRLCK);
	CHECK_EQ(held_at(fd, 1l << 40), F_WRLCK);
	CHECK_EQ(lock(fd, F_SETLK, F_UNLCK, 0, 0), 0);
	CHECK_EQ(held_at(fd, 0), F_UNLCK);
	CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, -1, 1), EINVAL);
	CHECK_ERRNO(lock(fd, F_SETLK, 77, 0, 1), EINVAL);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 10, -5), 0); /* the bytes before */
	CHECK_EQ(held_at(fd, 5), F_WRLCK);
	CHECK_EQ(held_at(fd, 10), F_UNLCK);
	close(fd);
	fd = open("f", O_RDONLY);
	CHECK_ERRNO(lock(fd, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_EQ(lock(fd, F_SETLK, F_RDLCK, 0, 1), 0);
	close(fd);
}

static void
wait_for_lock(void *fd)
{
	CHECK_EQ(lock(*(int *)fd, F_SETLKW, F_WRLCK, 0, 10), 0);
}

FILE_TEST(file_locks_end_with_their_process)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), p[2];
	CHECK_EQ(pipe(p), 0);
	pid_t holder = fork();
	if (holder == 0) {
		lock(fd, F_SETLK, F_WRLCK, 0, 0);
		(void)!write(p[1], "x", 1);
		for (;;)
			pause();
	}
	char c;
	CHECK_EQ(read(p[0], &c, 1), 1);
	pid_t first = guest_spawn(wait_for_lock, &fd), second = guest_spawn(wait_for_lock, &fd);
	guest_await_sleep(first);
	guest_await_sleep(second);
	CHECK_EQ(kill(first, 9), 0); /* a waiter that dies is in nobody's way */
	guest_reap(first);
	CHECK_EQ(kill(holder, 9), 0);
	guest_reap(holder);
	CHECK_EQ(guest_reap(second), 0);
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	close(fd);
}

static void
hold_lock_until_told(int fd, int ready, int told)
{
	char c;
	CHECK_EQ(lock(fd, F_SETLK, F_WRLCK, 0, 0), 0);
	CHECK_EQ(write(ready, "x", 1), 1);
	CHECK_EQ(read(told, &c, 1), 1);
	_exit(0);
}

struct lock_waiter {
	int fd;
	_Atomic pid_t tid;
};

static void *
wait_for_lock_that_is_closed(void *arg)
{
	struct lock_waiter *w = arg;
	w->tid = (pid_t)syscall(SYS_gettid);
	CHECK_ERRNO(lock(w->fd, F_SETLKW, F_WRLCK, 0, 0), EBADF);
	return NULL;
}

/* Who closes the file while another thread waits for a lock by it leaves no lock that nobody can give back. */
FILE_TEST(file_locks_closed_while_waiting)
{
	int fd = open("f", O_RDWR | O_CREAT, 0600), other = dup(fd), ready[2], told[2];
	char c;
	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(told), 0);
	pid_t holder = fork();
	if (holder == 0)
		hold_lock_until_told(fd, ready[1], told[0]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	struct lock_waiter w = {.fd = fd};
	pthread_t t;
	CHECK_EQ(pthread_create(&t, NULL, wait_for_lock_that_is_closed, &w), 0);
	CHECK_SOON(w.tid != 0);
	guest_await_sleep(w.tid);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(write(told[1], "x", 1), 1);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(guest_reap(holder), 0);
	CHECK_EQ(held_at(other, 0), F_UNLCK);
	close(other);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(told[i]);
	}
}
