/* SPDX-License-Identifier: MIT */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#define log_warn(...) ip_mock_log(__VA_ARGS__)
#define log_err(...)  ip_mock_log(__VA_ARGS__)

static inline void __attribute__((format(printf, 1, 2)))
ip_mock_log(const char *format, ...)
{
}

#endif
