/* log_sink.c - log lines leave the threads that write them without waiting. */
#include "loop/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "base/panic.h"

#define RING_MASK        (LOG_RING_BYTES - 1)
#define LINGER_MS        5    // while lines keep coming, a worker makes no system call for them
#define LAST_CHANCE_MS   1000 // for a stuck descriptor at the end
#define REPORT_EVERY_MS  1000
#define PIPE_CHUNK_BYTES ((size_t)4096) // a pipe that polls as writable takes this much at once
#define FILE_CHUNK_BYTES ((size_t)64 * 1024)

/* One thread writes at `tail`, the sink's reads at `head`; both only grow. */
struct log_ring {
    struct list link; // under the sink's lock
    atomic_size_t tail;
    char apart[64]; // so that the two threads do not share a cache line
    atomic_size_t head;
    atomic_ullong dropped;
    atomic_bool abandoned; // its thread has ended
    char bytes[LOG_RING_BYTES];
};

struct log_sink {
    int fd, wake_fd;
    size_t chunk_bytes;
    pthread_t thread;
    pthread_key_t key; // each thread's ring
    atomic_bool asleep, stopping;
    pthread_mutex_t lock; // of `rings` and `lost`
    struct list rings;
    uint64_t lost; // dropped by the sink itself, and by rings that are gone

    /* the sink's thread only */
    uint64_t reported;
    int64_t reported_at_ms;
    size_t len; // of what is on its way to `fd`: whole lines
    char chunk[FILE_CHUNK_BYTES];
};

/* The side of the threads that log. */

static void on_thread_end(void *ring)
{
    atomic_store(&((struct log_ring *)ring)->abandoned, true);
}

static struct log_ring *add_ring(struct log_sink *sink)
{
    struct log_ring *r = malloc(sizeof(*r));

    if (!r)
        panic("out of memory: a log ring");
    atomic_init(&r->tail, 0);
    atomic_init(&r->head, 0);
    atomic_init(&r->dropped, 0);
    atomic_init(&r->abandoned, false);
    pthread_mutex_lock(&sink->lock);
    list_push_back(&sink->rings, &r->link);
    pthread_mutex_unlock(&sink->lock);
    pthread_setspecific(sink->key, r);
    return r;
}

static void wake(struct log_sink *sink)
{
    uint64_t one = 1;

    while (write(sink->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void log_sink_write(void *ctx, struct slice line)
{
    struct log_sink *sink = ctx;
    struct log_ring *r = pthread_getspecific(sink->key);
    size_t tail, at, first;

    if (!r)
        r = add_ring(sink);
    tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (line.len > LOG_RING_BYTES - (tail - atomic_load_explicit(&r->head, memory_order_acquire))) {
        atomic_fetch_add_explicit(&r->dropped, 1, memory_order_relaxed);
        return;
    }
    if (line.len == 0)
        return;
    at = tail & RING_MASK;
    first = line.len < LOG_RING_BYTES - at ? line.len : LOG_RING_BYTES - at;
    memcpy(r->bytes + at, line.ptr, first);
    memcpy(r->bytes, line.ptr + first, line.len - first);

    /* In one order for all threads: either the sink sees the line, or we see it asleep. */
    atomic_store(&r->tail, tail + line.len);
    if (atomic_load(&sink->asleep) && atomic_exchange(&sink->asleep, false))
        wake(sink);
}

uint64_t log_sink_dropped(struct log_sink *sink)
{
    uint64_t dropped;

    pthread_mutex_lock(&sink->lock);
    dropped = sink->lost;
    list_for_each(at, &sink->rings)
        dropped += atomic_load_explicit(&list_entry(at, struct log_ring, link)->dropped,
                                        memory_order_relaxed);
    pthread_mutex_unlock(&sink->lock);
    return dropped;
}

/* The sink's side. */

static void copy_out(const struct log_ring *r, size_t head, size_t len, char *out)
{
    size_t at = head & RING_MASK, first = len < LOG_RING_BYTES - at ? len : LOG_RING_BYTES - at;

    memcpy(out, r->bytes + at, first);
    memcpy(out + first, r->bytes, len - first);
}

/* Moves whole lines into the chunk as far as they fit; false when none was there. */
static bool take_lines(struct log_sink *sink, struct log_ring *r)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    size_t len = atomic_load(&r->tail) - head, room = sink->chunk_bytes - sink->len;

    if (len == 0)
        return false;
    if (len > room) {
        size_t end;
        copy_out(r, head, room, sink->chunk + sink->len);
        end = slice_find_last(slice_of(sink->chunk + sink->len, room), '\n');
        if (end == SIZE_MAX && sink->len > 0)
            return true; // after what is in the chunk has gone
        len = end == SIZE_MAX ? room : end + 1;
    } else {
        copy_out(r, head, len, sink->chunk + sink->len);
    }
    sink->len += len;
    atomic_store_explicit(&r->head, head + len, memory_order_release);
    return true;
}

static void free_ring(struct log_sink *sink, struct log_ring *r)
{
    sink->lost += atomic_load(&r->dropped);
    list_remove(&r->link);
    free(r);
}

/* Fills the chunk from the rings; false when all of them are empty. */
static bool gather(struct log_sink *sink)
{
    bool any = false;

    pthread_mutex_lock(&sink->lock);
    list_for_each_safe(at, &sink->rings) {
        struct log_ring *r = list_entry(at, struct log_ring, link);
        bool abandoned = atomic_load(&r->abandoned); // before its last line is looked for
        bool had = take_lines(sink, r);

        if (abandoned && !had)
            free_ring(sink, r);
        any = any || had;
    }
    pthread_mutex_unlock(&sink->lock);
    return any;
}

/* Waits until `fd` takes bytes; false when the sink is to end and it still does not. */
static bool wait_writable(struct log_sink *sink)
{
    struct pollfd fds[2] = {
        {.fd = sink->fd,      .events = POLLOUT},
        {.fd = sink->wake_fd, .events = POLLIN }
    };

    for (;;) {
        bool stopping = atomic_load(&sink->stopping);
        int n = poll(fds, stopping ? 1 : 2, stopping ? LAST_CHANCE_MS : -1);

        if (n > 0 && fds[0].revents)
            return (fds[0].revents & POLLNVAL) == 0;
        if (n > 0) { // a thread's wake, or the end
            uint64_t ignored;
            if (read(sink->wake_fd, &ignored, sizeof(ignored)) < 0)
                continue;
        }
        if (stopping && n == 0)
            return false;
    }
}

static void count_lost(struct log_sink *sink, struct slice lines)
{
    uint64_t lost = 0;

    for (; lines.len; lost++)
        slice_cut(lines, '\n', &lines);
    pthread_mutex_lock(&sink->lock);
    sink->lost += lost;
    pthread_mutex_unlock(&sink->lock);
}

/* False when `fd` takes nothing any more: what is in the chunk is lost. */
static bool write_chunk(struct log_sink *sink)
{
    struct slice left = slice_of(sink->chunk, sink->len);

    while (left.len && wait_writable(sink)) {
        ssize_t n = write(sink->fd, left.ptr, left.len);
        if (n > 0)
            left = slice_after(left, (size_t)n);
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            break;
    }
    sink->len = 0;
    if (left.len)
        count_lost(sink, left);
    return left.len == 0;
}

/* Through the log itself, so that it has the log's format. */
static void report_dropped(struct log_sink *sink)
{
    uint64_t dropped = log_sink_dropped(sink);
    int64_t now_ms = clock_mono_ms();

    if (dropped == sink->reported || now_ms - sink->reported_at_ms < REPORT_EVERY_MS)
        return;
    log_event(LOG_WARN, NULL, "log.dropped", "lines=%llu",
              (unsigned long long)(dropped - sink->reported));
    sink->reported = dropped;
    sink->reported_at_ms = now_ms;
}

/* Until a line comes; or, when some have just come, for a short while in any case. */
static void rest(struct log_sink *sink, bool busy)
{
    struct pollfd wake_up = {.fd = sink->wake_fd, .events = POLLIN};
    uint64_t ignored;

    if (!busy) {
        atomic_store(&sink->asleep, true);
        if (gather(sink)) { // written before it could see us asleep
            atomic_store(&sink->asleep, false);
            return;
        }
    }
    if (poll(&wake_up, 1, busy ? LINGER_MS : -1) > 0 &&
        read(sink->wake_fd, &ignored, sizeof(ignored)) < 0)
        return; // somebody else's wake was taken already
}

static void *run(void *ctx)
{
    struct log_sink *sink = ctx;
    bool busy = false;

    for (;;) {
        bool stopping = atomic_load(&sink->stopping), any = sink->len > 0;

        while (gather(sink) || sink->len) {
            any = true;
            if (!write_chunk(sink) && atomic_load(&sink->stopping))
                return NULL;
        }
        if (stopping)
            return NULL;
        if (any)
            report_dropped(sink);
        busy = any;
        rest(sink, busy);
    }
}

static size_t chunk_for(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? FILE_CHUNK_BYTES : PIPE_CHUNK_BYTES;
}

struct log_sink *log_sink_new(int fd)
{
    struct log_sink *sink = calloc(1, sizeof(*sink));
    sigset_t all, before;

    if (!sink)
        panic("out of memory: the log sink");
    sink->fd = fd;
    sink->chunk_bytes = chunk_for(fd);
    sink->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sink->wake_fd < 0 || pthread_key_create(&sink->key, on_thread_end) != 0)
        panic("the log sink has no descriptor or key left");
    pthread_mutex_init(&sink->lock, NULL);
    list_init(&sink->rings);
    sigfillset(&all); // signals are for other threads
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&sink->thread, NULL, run, sink) != 0)
        panic("the log sink has no thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return sink;
}

void log_sink_free(struct log_sink *sink)
{
    if (!sink)
        return;
    atomic_store(&sink->stopping, true);
    wake(sink);
    pthread_join(sink->thread, NULL);
    pthread_key_delete(sink->key);
    while (!list_is_empty(&sink->rings))
        free_ring(sink, list_entry(sink->rings.next, struct log_ring, link));
    close(sink->wake_fd);
    pthread_mutex_destroy(&sink->lock);
    free(sink);
}
