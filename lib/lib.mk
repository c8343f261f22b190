# The pure cores. LIB_SRC is what kernel, host tools, unit tests and fuzzers link unchanged; lib/freestanding is what
# a kernel has instead of a libc, and only the kernel links it.

LIB_SRC := $(sort $(filter-out lib/freestanding/%,$(wildcard lib/*/*.c)))
