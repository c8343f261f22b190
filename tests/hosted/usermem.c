/* SPDX-License-Identifier: MIT */
/* User memory of the kernel's sources on a host: the process's own, all of which is there. */
#include "arch/uaccess.h"

#include <string.h>

int
copy_from_user(void *dst, uaddr_t src, size_t n)
{
	memcpy(dst, (const void *)src.addr, n);
	return 0;
}

int
copy_to_user(uaddr_t dst, const void *src, size_t n)
{
	memcpy((void *)dst.addr, src, n);
	return 0;
}

size_t
copy_from_user_partial(void *dst, uaddr_t src, size_t n)
{
	return (size_t)copy_from_user(dst, src, n);
}

size_t
copy_to_user_partial(uaddr_t dst, const void *src, size_t n)
{
	return (size_t)copy_to_user(dst, src, n);
}

size_t
clear_user_partial(uaddr_t dst, size_t n)
{
	memset((void *)dst.addr, 0, n);
	return 0;
}

int
get_user_u8(uint8_t *out, uaddr_t u)
{
	return copy_from_user(out, u, sizeof(*out));
}

int
get_user_u32(uint32_t *out, uaddr_t u)
{
	return copy_from_user(out, u, sizeof(*out));
}

int
get_user_u64(uint64_t *out, uaddr_t u)
{
	return copy_from_user(out, u, sizeof(*out));
}

int
put_user_u32(uaddr_t u, uint32_t value)
{
	return copy_to_user(u, &value, sizeof(value));
}

int
put_user_u64(uaddr_t u, uint64_t value)
{
	return copy_to_user(u, &value, sizeof(value));
}
