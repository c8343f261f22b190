/* SPDX-License-Identifier: MIT */
/*
 * Open files of procfs. Text is made when an open file is first read, and again when it is read from its beginning:
 * what one reader sees in between does not change under it. Long texts are made in pieces; going back makes them anew.
 * An open file's text is guarded by its mutex, since pread() does not take the file's own.
 */
#include <string.h>

#include "core/sched.h"
#include "fs/proc/format.h"
#include "fs/proc/internal.h"
#include "mm/slab.h"

#define WRITE_MAX PAGE_SIZE

struct text_file {
	struct mutex lock;
	bool begun;            /* [lock] text holds, or has held, the beginning */
	struct proc_text text; /* [lock] */
};

static int
check_open(const struct proc_node *n, uint32_t flags)
{
	const struct proc_entry *e = n->entry;
	uint32_t mode = flags & O_ACCMODE;
	if (mode != O_RDONLY && e->write == NULL)
		return -EACCES;
	if (mode != O_RDONLY && (vfs_cred()->caps & e->write_caps) != e->write_caps)
		return -EPERM;
	return proc_node_check(n);
}

int
proc_file_open(struct inode *i, struct file *f)
{
	const struct proc_node *n = proc_node_of(i);
	int err = check_open(n, file_flags(f));
	if (err != 0 || n->entry->show == NULL)
		return err;
	struct text_file *tf = kzalloc(sizeof(*tf));
	if (tf == NULL)
		return -ENOMEM;
	mutex_init(&tf->lock, "proc text");
	f->priv = tf;
	return 0;
}

static void
text_release(struct file *f)
{
	struct text_file *tf = f->priv;
	if (tf == NULL)
		return;
	proc_text_free(&tf->text);
	kfree(tf);
}

static void
rewind_text(struct text_file *tf)
{
	struct proc_text *t = &tf->text;
	t->len = 0;
	t->base = t->cursor = 0;
	t->more = true;
	t->err = 0;
	tf->begun = true;
}

/* What an open file is about may have gone, or changed whose it is. */
static int
check_use(const struct proc_node *n)
{
	if (n->key.process != NULL && proc_gone(n))
		return -ESRCH;
	return proc_node_check(n);
}

/* Makes the piece after the one that is there. */
static int
next_piece(struct proc_node *n, struct proc_text *t)
{
	t->base += t->len;
	t->len = 0;
	t->more = false;
	int err = check_use(n);
	if (err == 0)
		err = n->entry->show(n, t);
	return err != 0 ? err : t->err;
}

/* Makes the piece that holds *pos, or the last one. */
static int
find_piece(struct proc_node *n, struct text_file *tf, uint64_t pos)
{
	struct proc_text *t = &tf->text;
	if (pos == 0 || pos < t->base || !tf->begun)
		rewind_text(tf);
	while (pos >= t->base + t->len && t->more) {
		int err = next_piece(n, t);
		if (err == 0 && signal_killed())
			err = -ERESTARTSYS;
		if (err != 0) {
			tf->begun = false;
			return err;
		}
		sched_point();
	}
	return 0;
}

static ssize_t
text_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct text_file *tf = f->priv;
	struct proc_node *n = proc_node_of(f->inode);
	if (tf == NULL)
		return -EINVAL;
	ssize_t done = 0;
	mutex_lock(&tf->lock);
	while (to->count != 0) {
		int err = find_piece(n, tf, *pos);
		uint64_t end = tf->text.base + tf->text.len;
		if (err != 0 || *pos >= end) {
			done = done != 0 ? done : err;
			break;
		}
		size_t want = (size_t)min(end - *pos, (uint64_t)to->count);
		size_t copied = iter_copy_to(to, tf->text.buf + (*pos - tf->text.base), want);
		*pos += copied;
		done += (ssize_t)copied;
		if (copied < want) {
			done = done != 0 ? done : -EFAULT;
			break;
		}
	}
	mutex_unlock(&tf->lock);
	return done;
}

static ssize_t
raw_read(struct file *f, struct iter *to, uint64_t *pos)
{
	struct proc_node *n = proc_node_of(f->inode);
	int err = check_use(n);
	return err != 0 ? err : n->entry->read(n, to, pos);
}

static ssize_t
file_write(struct file *f, struct iter *from, uint64_t *pos)
{
	struct proc_node *n = proc_node_of(f->inode);
	size_t len = from->count;
	if (n->entry->write == NULL || len >= WRITE_MAX)
		return -EINVAL;
	char *text = kmalloc(len + 1, 0);
	if (text == NULL)
		return -ENOMEM;
	int err = check_use(n);
	if (err == 0 && iter_copy_from(from, text, len) != len)
		err = -EFAULT;
	if (err == 0) {
		trim_end(text, len);
		err = n->entry->write(n, text);
	}
	kfree(text);
	if (err != 0)
		return err;
	*pos += len;
	return (ssize_t)len;
}

/* The end is not known before the text has been made. */
static int64_t
file_seek(struct file *f, int64_t offset, int whence)
{
	return whence == SEEK_SET || whence == SEEK_CUR ? generic_file_seek(f, offset, whence)
							: -EINVAL;
}

const struct file_ops proc_text_ops = {
	.read = text_read, .write = file_write, .seek = file_seek, .release = text_release};
const struct file_ops proc_raw_ops = {.read = raw_read, .write = file_write, .seek = file_seek};
