/* SPDX-License-Identifier: MIT */
/* Packets' bytes from and to the caller's memory. */
#include "net/sock/pktio.h"

#include "mm/page.h"

/* One more page at the packet's end, filled with n bytes. */
static int
add_page(struct pkt *p, struct iter *from, uint32_t n)
{
	struct page *page = page_alloc(0, 0, PAGE_KERNEL);
	if (page == NULL)
		return -ENOBUFS;
	int err = 0;
	if (iter_copy_from(from, page_to_virt(page), n) != n)
		err = -EFAULT;
	else if (!pkt_add_frag(p, page, 0, n))
		err = -EMSGSIZE;
	if (err != 0)
		page_free(page, 0);
	return err;
}

/* Fills what the last page has room for, with at most *n bytes, which it takes off *n. */
static int
fill_last_page(struct pkt *p, struct iter *from, uint32_t *n)
{
	struct pkt_frag *last = &p->frags[p->nr_frags - 1];
	uint32_t end = last->offset + last->len, part = min(*n, (uint32_t)PAGE_SIZE - end);
	if (part == 0)
		return 0;
	if (iter_copy_from(from, (char *)page_to_virt(last->page) + end, part) != part)
		return -EFAULT;
	last->len += part;
	p->len += part;
	*n -= part;
	return 0;
}

static int __attribute__((noinline))
append_in_pages(struct pkt *p, struct iter *from, uint32_t n)
{
	int err = p->nr_frags != 0 ? fill_last_page(p, from, &n) : 0;
	while (n != 0 && err == 0) {
		uint32_t part = min(n, (uint32_t)PAGE_SIZE);
		err = add_page(p, from, part);
		n -= part;
	}
	return err;
}

int
pktio_append(struct pkt *p, struct iter *from, uint32_t n)
{
	if (n > pkt_tailroom(p))
		return append_in_pages(p, from, n);
	uint8_t *at = pkt_put(p, n);
	return iter_copy_from(from, at, n) == n ? 0 : -EFAULT;
}

int
pktio_make(struct iter *from, uint32_t n, struct pkt **out)
{
	struct pkt *p = pkt_alloc();
	*out = p;
	if (p == NULL)
		return -ENOBUFS;
	int err = pktio_append(p, from, n);
	if (err != 0) {
		pkt_free(p);
		*out = NULL;
	}
	return err;
}

uint32_t
pktio_copy(const struct pkt *p, uint32_t offset, uint32_t n, struct iter *to)
{
	uint32_t done = 0;
	if (offset < p->head_len) {
		uint32_t part = min(n, p->head_len - offset);
		done = (uint32_t)iter_copy_to(to, p->head + p->head_off + offset, part);
		if (done != part)
			return done;
	}
	uint32_t start = p->head_len; /* of the fragment's bytes in the packet */
	for (uint32_t i = 0; i < p->nr_frags && done < n; i++) {
		const struct pkt_frag *f = &p->frags[i];
		uint32_t at = offset + done;
		if (at - start < f->len) {
			uint32_t part = min(n - done, f->len - (at - start));
			const char *src = (const char *)page_to_virt(f->page) + f->offset;
			uint32_t copied = (uint32_t)iter_copy_to(to, src + (at - start), part);
			done += copied;
			if (copied != part)
				break;
		}
		start += f->len;
	}
	return done;
}
