/* worker.h - a thread with its event loop. */
#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/random.h"
#include "base/slice.h"

/*
 * Everything that belongs to a worker is touched by its own thread only; the
 * one call for others is worker_post().  libuv is not visible outside loop/.
 */
struct worker_loop; // libuv's parts, private to loop/

struct worker {
    unsigned index;
    int64_t now_ms;      // monotonic, of this turn
    int64_t now_unix_ms; // wall clock, of this turn
    struct random random;
    void *owner; // what `app` hangs on it
    struct worker_loop *loop;
};

struct worker *worker_new(unsigned index);
void worker_free(struct worker *w); // after worker_run() has returned, or instead of it

/** Runs until worker_stop() and everything open has closed. */
void worker_run(struct worker *w);
void worker_stop(struct worker *w);

/** Both clocks, fresh. */
void worker_update_now(struct worker *w);

/*
 * A task: something to run in this turn.  Tasks run just before and just after
 * the loop polls; waking one that is already woken does nothing.  A turn runs a
 * bounded number of them and the loop does not sleep while some are left.
 */
typedef void task_fn(void *ctx);

struct task {
    struct list link; /* private */
    task_fn *run;
    void *ctx;
};

void task_init(struct task *t, task_fn *run, void *ctx);
void worker_wake(struct worker *w, struct task *t);
void task_cancel(struct task *t);

/*
 * A timer: a field that the wheel looks at.  Moving a deadline further away costs
 * one store.  Granularity is about 10 ms below a second, coarser far away; a timer
 * never fires early.
 */
struct timer {
    struct list link; /* private */
    int64_t at_ms;    // when to fire; 0: not set
    int64_t filed_ms; /* private: the slot it stands in */
    task_fn *fire;
    void *ctx;
};

void timer_init(struct timer *t, task_fn *fire, void *ctx);
void timer_set(struct worker *w, struct timer *t, int64_t at_ms);
void timer_clear(struct timer *t);

/** From any thread: `run(ctx)` is called on the worker's thread, in order of posting. */
void worker_post(struct worker *w, task_fn *run, void *ctx);

/*
 * Spare read buffers of WORKER_BUFFER_BYTES, so that a connection holds one only
 * while it has bytes that nobody took.
 */
#define WORKER_BUFFER_BYTES ((size_t)16 * 1024)
char *worker_buffer_take(struct worker *w);
void worker_buffer_give(struct worker *w, char *buffer);

#endif
