/* loop.h - what the files of this room share.  Private to loop/: it shows libuv. */
#ifndef LOOP_LOOP_H
#define LOOP_LOOP_H

#include <pthread.h>
#include <uv.h>

#include "base/buf.h"
#include "loop/wheel.h"
#include "loop/worker.h"

struct dns;
struct spare_buffer;

struct post {
    task_fn *run;
    void *ctx;
};

struct post_queue {
    struct post *posts; // [cap]
    size_t count, cap;
};

/*
 * One turn of the loop: timers, prepare (tasks), poll (reads, writes, posts),
 * check (tasks), close callbacks.
 */
struct worker_loop {
    uv_loop_t uv;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;   // active while tasks are left: then the poll does not sleep
    uv_timer_t alarm; // drives the wheel
    uv_async_t mail;

    struct list ready; // of struct task
    struct wheel wheel;
    int64_t alarm_at_ms;  // 0: the alarm is off
    bool now_fresh;       // the clocks have been read since the poll
    bool stopping, ended; // ended: our own handles are closed
    size_t open;          // streams, listeners, dials: the loop runs until they have closed

    struct spare_buffer *spare;
    size_t spare_count;

    pthread_mutex_t lock;    // of `inbox`
    struct post_queue inbox; // other threads append here
    struct post_queue work;  // what is being run

    struct dns *dns;       // made when the first name is asked for
    struct buf ciphertext; // TLS: what one call produced; empty between calls
    char *scratch;         // TLS: made at first use
};

/* Memory that is free between calls: ciphertext is read into one, one record is gathered in the other. */
#define LOOP_SCRATCH_BYTES ((size_t)32 * 1024)
#define LOOP_RECORD_BYTES  ((size_t)16 * 1024)
char *loop_scratch(struct worker *w);
char *loop_record(struct worker *w);

/** Called first by everything that the poll calls: the clocks are read once per turn. */
static inline void loop_refresh_now(struct worker *w)
{
    if (!w->loop->now_fresh) {
        w->loop->now_fresh = true;
        worker_update_now(w);
    }
}

#endif
