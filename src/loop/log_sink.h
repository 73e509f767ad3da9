/* log_sink.h - log lines leave the threads that write them without waiting. */
#ifndef LOOP_LOG_SINK_H
#define LOOP_LOG_SINK_H

#include <stdint.h>

#include "base/slice.h"

/*
 * Every thread that logs has a ring of LOG_RING_BYTES; one thread of the sink
 * writes what stands in them to `fd`.  A line for which a ring has no room is
 * dropped and counted, so a slow sink never blocks a worker; once lines flow
 * again, the log says how many are missing ("log.dropped").
 */
struct log_sink;

#define LOG_RING_BYTES ((size_t)256 * 1024)

/** `fd` stays the caller's. */
struct log_sink *log_sink_new(int fd);

/**
 * Writes out what is there and ends the thread; what a stuck `fd` does not take
 * within a second is dropped.  No other thread may log any more; only then the
 * log may be configured otherwise.
 */
void log_sink_free(struct log_sink *sink);

/** A log_write_fn whose context is the sink.  From any thread. */
void log_sink_write(void *ctx, struct slice line);

/** Lines dropped since the start. */
uint64_t log_sink_dropped(struct log_sink *sink);

#endif
