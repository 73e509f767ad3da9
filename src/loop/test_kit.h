/* test_kit.h - what the tests of this room share: a worker run step by step, peers that keep score. */
#ifndef LOOP_TEST_KIT_H
#define LOOP_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <assert.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/dial.h"
#include "loop/loop.h"
#include "loop/stream.h"

#define PATIENCE_MS 5000

/* Turns the loop until `condition` holds; a test that waits too long has failed. */
#define RUN_UNTIL(w, condition)                                 \
    do {                                                        \
        int64_t give_up_ms = clock_mono_ms() + PATIENCE_MS;     \
        struct timer tick;                                      \
        timer_init(&tick, kit_nothing, NULL);                   \
        while (!(condition)) {                                  \
            if (clock_mono_ms() > give_up_ms)                   \
                fail_msg("waited in vain for: %s", #condition); \
            timer_set((w), &tick, clock_mono_ms() + 50);        \
            uv_run(&(w)->loop->uv, UV_RUN_ONCE);                \
        }                                                       \
        timer_clear(&tick);                                     \
    } while (0)

static inline void kit_nothing(void *ctx)
{
    (void)ctx;
}

static inline void kit_run_for(struct worker *w, int64_t ms)
{
    int64_t end_ms = clock_mono_ms() + ms;

    RUN_UNTIL(w, clock_mono_ms() >= end_ms);
}

/** Everything was closed: the loop must end by itself. */
static inline void kit_end(struct worker *w)
{
    worker_stop(w);
    worker_run(w);
    worker_free(w);
}

/* One side of a connection.  `order` has a letter per callback: r, e(of), !(error), d, c. */
struct peer {
    struct stream *s; // NULL after on_closed
    bool echo, close_on_read, close_on_eof, close_on_drained, refuse_room, inside;
    size_t room_size, rooms, reads, got, eofs, errors, drained, closed;
    enum err err;
    char why[160], order[64], room[WORKER_BUFFER_BYTES], start[64]; // `start` of what was got
};

static inline void kit_note(struct peer *p, char letter)
{
    size_t len = strlen(p->order);

    assert_false(p->inside); // never from inside a call of the owner
    if (len + 1 < sizeof(p->order) && (len == 0 || p->order[len - 1] != letter))
        p->order[len] = letter;
}

static inline char *kit_on_room(void *ctx, size_t *size)
{
    struct peer *p = ctx;

    assert_false(p->inside);
    if (p->refuse_room)
        return NULL;
    *size = p->room_size;
    p->rooms++;
    return p->room;
}

static inline void kit_write(struct peer *p, const char *bytes, size_t len)
{
    p->inside = true;
    stream_write(p->s, &(struct iovec){(char *)(uintptr_t)bytes, len}, 1);
    p->inside = false;
}

static inline void kit_close(struct peer *p, bool reset)
{
    p->inside = true;
    stream_close(p->s, reset);
    p->inside = false;
}

static inline void kit_on_read(void *ctx, size_t len)
{
    struct peer *p = ctx;

    kit_note(p, 'r');
    assert_true(len > 0 && len <= p->room_size);
    p->reads++;
    for (size_t i = 0; i < len && p->got + i + 1 < sizeof(p->start); i++)
        p->start[p->got + i] = p->room[i];
    p->got += len;
    if (p->echo)
        kit_write(p, p->room, len);
    if (p->close_on_read)
        kit_close(p, false);
}

static inline void kit_on_eof(void *ctx)
{
    struct peer *p = ctx;

    kit_note(p, 'e');
    p->eofs++;
    if (p->close_on_eof)
        kit_close(p, false);
}

static inline void kit_on_error(void *ctx, enum err err, const char *why)
{
    struct peer *p = ctx;

    kit_note(p, '!');
    p->errors++;
    p->err = err;
    snprintf(p->why, sizeof(p->why), "%s", why);
}

static inline void kit_on_drained(void *ctx)
{
    struct peer *p = ctx;

    kit_note(p, 'd');
    p->drained++;
    if (p->close_on_drained)
        kit_close(p, false);
}

static inline void kit_on_closed(void *ctx)
{
    struct peer *p = ctx;

    kit_note(p, 'c');
    p->closed++;
    p->s = NULL;
}

static const struct stream_handler kit_handler = {
    .on_room = kit_on_room,
    .on_read = kit_on_read,
    .on_eof = kit_on_eof,
    .on_error = kit_on_error,
    .on_drained = kit_on_drained,
    .on_closed = kit_on_closed,
};

static inline void kit_attach(struct peer *p, struct stream *s)
{
    p->s = s;
    if (!p->room_size)
        p->room_size = sizeof(p->room);
    stream_attach(s, &kit_handler, p);
}

/* A listener and the connection it accepted, or a dial and what came of it. */
struct kit {
    struct worker *w;
    struct listener_socket *listener;
    struct tls_server *server_tls;
    unsigned port, accepted, dialled;
    struct dial *dial;
    struct err_info failed; // of the dial
    struct peer server, client;
};

static inline void kit_on_accept(void *ctx, struct stream *s)
{
    struct kit *k = ctx;

    k->accepted++;
    if (k->server.s) { // one at a time is enough
        stream_close(s, false);
        return;
    }
    kit_attach(&k->server, s);
    stream_read_start(s);
}

static inline void kit_on_dialled(void *ctx, struct stream *s, const struct err_info *e)
{
    struct kit *k = ctx;

    k->dialled++;
    k->dial = NULL;
    if (e)
        k->failed = *e;
    else
        kit_attach(&k->client, s);
}

static inline struct kit *kit_new(struct tls_server *tls)
{
    struct kit *k = calloc(1, sizeof(*k));
    struct err_info e = {0};

    assert(k);
    alarm(60);
    k->w = worker_new(3);
    k->server_tls = tls;
    k->listener = listener_open(k->w, "127.0.0.1", 0, tls, kit_on_accept, k, &e);
    assert_non_null(k->listener);
    k->port = listener_port(k->listener);
    return k;
}

static inline void kit_dial(struct kit *k, const char *host, struct tls_client *tls)
{
    struct dial_target target = {.host = slice_str(host),
                                 .port = k->port,
                                 .tls = tls,
                                 .allow_private = true,
                                 .deadline_at_ms = clock_mono_ms() + PATIENCE_MS};

    k->dialled = 0;
    k->failed = (struct err_info){0};
    k->dial = dial_open(k->w, &target, kit_on_dialled, k);
    assert_int_equal(k->dialled, 0); // never from inside the call
}

/** Both sides stand. */
static inline void kit_connect(struct kit *k, const char *host, struct tls_client *tls)
{
    kit_dial(k, host, tls);
    RUN_UNTIL(k->w, k->dialled && (k->server.s || k->failed.code));
    assert_string_equal(k->failed.text, "");
    stream_read_start(k->client.s);
}

/** Closes what is open and expects on_closed of everything. */
static inline void kit_free(struct kit *k)
{
    if (k->dial)
        dial_cancel(k->dial);
    if (k->client.s)
        stream_close(k->client.s, false);
    if (k->server.s)
        stream_close(k->server.s, false);
    listener_close(k->listener);
    kit_end(k->w);
    assert_null(k->client.s);
    assert_null(k->server.s);
    free(k);
}

#endif
