/* SPDX-License-Identifier: MIT */
/* The records of a signal frame: any bytes. The walk ends, and what it found lies in the area. */
#include <stdlib.h>
#include <string.h>

#include <aarch64/sigrecord.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sigrecord_walk w = {.size = size};
	struct sigrecord head;
	int more = 1;
	while (more > 0 && size - w.at >= sizeof(head)) {
		size_t before = w.at;
		memcpy(&head, data + w.at, sizeof(head));
		more = sigrecord_step(&w, &head);
		if (w.at > size || (more > 0 && w.at < before + sizeof(head)))
			abort();
	}
	if (more == 0 && (!w.fpsimd_seen || size - w.fpsimd < sizeof(struct sigrecord_fpsimd)))
		abort();
	return 0;
}
