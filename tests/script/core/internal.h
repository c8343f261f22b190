/* SPDX-License-Identifier: MIT */
/* What endpoint.c and calls.c share. */
#ifndef TESTS_SCRIPT_CORE_INTERNAL_H
#define TESTS_SCRIPT_CORE_INTERNAL_H

#include "base/macros.h"
#include "tests/script/core/endpoint.h"

struct tcp_env endpoint_env(struct endpoint *p);
/* The connection is told what room its receive buffer has. */
void endpoint_space(struct endpoint *p);
/* A connection begins, with what the options say. */
void endpoint_configure(struct endpoint *p);
/* What the connection wants to send is sent. */
void endpoint_flush(struct endpoint *p);
/* What the core asks for is done. */
void endpoint_after(struct endpoint *p, const struct tcp_actions *act);

#endif
