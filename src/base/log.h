/* log.h - one line per event: a name and key=value pairs. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/*
 * A line in the making, for the one that every exchange writes: nothing is formatted twice.
 *
 *     if (log_line_begin(&l, LOG_INFO, x->id, "exchange")) {
 *         log_line_int(&l, "status", status);
 *         log_line_end(&l);
 *     }
 *
 * A value too long for what is left of the line is cut.
 */
struct log_line {
    size_t len;
    char bytes[LOG_LINE_BYTES];
};

/** False: that level is not written, and nothing else is to be called. */
bool log_line_begin(struct log_line *l, enum log_level level, const char *id, const char *event);
void log_line_text(struct log_line *l, const char *key, struct slice value);
void log_line_int(struct log_line *l, const char *key, int64_t value);
void log_line_end(struct log_line *l);

/**
 * log_event(LOG_WARN, x->id, "attempt.failed", "channel=%s http=%d", name, status).
 * `id` is the exchange's, or NULL.  `format` holds key=value pairs separated by
 * single spaces; a value that may hold spaces or quotes is written key="%s" and is
 * escaped as far as the line needs it.  Never pass keys, tokens or bodies.
 */
void log_event(enum log_level level, const char *id, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
