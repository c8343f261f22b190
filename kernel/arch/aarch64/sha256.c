/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 by the processor's own instructions where it has them.
 *
 * Any context: an interrupt handler may have interrupted a user of the FP registers, so it gets the portable function.
 */
#include "crypto/sha256.h"

#include "arch/thread.h"
#include "core/cpu.h"

#include <aarch64/features.h>

void sha256_compress_sha2(uint32_t state[8], const uint8_t *blocks, size_t count);

void
sha256_compress(uint32_t state[8], const uint8_t *blocks, size_t count)
{
	if (unlikely(
		    !cpu_features.sha256 || this_cpu()->irq_depth != 0 || this_cpu()->in_softirq)) {
		sha256_compress_portable(state, blocks, count);
		return;
	}
	if (count == 0)
		return;
	kernel_fpu_begin();
	sha256_compress_sha2(state, blocks, count);
	kernel_fpu_end();
}
