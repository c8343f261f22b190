/* SPDX-License-Identifier: MIT */
/* getrandom(2)'s flags: Linux's. */
#ifndef ABI_LINUX_RANDOM_H
#define ABI_LINUX_RANDOM_H

#define GRND_NONBLOCK 1u /* EAGAIN instead of waiting for the generator to be seeded */
#define GRND_RANDOM   2u /* /dev/random rather than /dev/urandom: the same here */
#define GRND_INSECURE 4u /* do not wait for the seed, and say so with what it gives */

#endif
