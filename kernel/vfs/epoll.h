/* SPDX-License-Identifier: MIT */
/* epoll, for the end of files. */
#ifndef VFS_EPOLL_H
#define VFS_EPOLL_H

struct file;

/* The last reference of a watched file is gone, its operations still work: its entries go. May sleep. */
void epoll_file_gone(struct file *f);
void epoll_init(void); /* boot */

#endif
