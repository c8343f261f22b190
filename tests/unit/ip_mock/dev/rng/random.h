/* SPDX-License-Identifier: MIT */
#ifndef DEV_RNG_RANDOM_H
#define DEV_RNG_RANDOM_H

#include <stdint.h>

#define random_u64 ip_mock_random
uint64_t random_u64(void);

#endif
