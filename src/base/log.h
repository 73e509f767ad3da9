/* log.h - one line per event: a name and key=value pairs. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_JSON };

#define LOG_LINE_BYTES 2048 // longer lines are cut and say so

/*
 * Where finished lines go.  Called on the thread that logs; it must not block
 * (loop/log_sink.h has the one that the server uses).  The line ends in '\n'.
 */
typedef void log_write_fn(void *ctx, struct slice line);

/** Called once by `app` before any other thread runs.  Until then lines go to standard error. */
void log_configure(enum log_level level, enum log_format format, log_write_fn *write, void *ctx);

bool log_enabled(enum log_level level);

/**
 * log_event(LOG_WARN, x->id, "attempt.failed", "channel=%s http=%d", name, status).
 * `id` is the exchange's, or NULL.  `format` holds key=value pairs separated by
 * single spaces; a value that may hold spaces or quotes is written key="%s" and is
 * escaped as far as the line needs it.  Never pass keys, tokens or bodies.
 */
void log_event(enum log_level level, const char *id, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
