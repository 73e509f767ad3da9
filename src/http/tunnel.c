/* tunnel.c - a stream to a target, through its proxy where it has one. */
#include "http/tunnel.h"

#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "base/secret.h"
#include "http/client.h"

#define REPLY_BYTES 4096 // the longest answer of a proxy that is listened to

/* What is being said with the proxy.  Owned by the stream until it is handed over. */
struct tunnel_talk {
    struct tunnel *tunnel; // NULL: cancelled
    struct stream *stream;
    enum { TALK_CONNECT, TALK_SOCKS_METHOD, TALK_SOCKS_AUTH, TALK_SOCKS_REPLY } step;
    struct task task; // runs when something came in
    bool ended;
    char reply[REPLY_BYTES];
    size_t len;
};

static void talk_over(struct tunnel_talk *talk)
{
    timer_clear(&talk->tunnel->timer);
    talk->tunnel = NULL;
    task_cancel(&talk->task);
    stream_close(talk->stream, false);
}

static void fail(struct tunnel *t, enum err code, const char *why)
{
    struct err_info e = {0};

    err_set(&e, code, "%s", why);
    t->state = TUNNEL_IDLE;
    if (t->talk) {
        talk_over(t->talk);
        t->talk = NULL;
    }
    t->done(t->ctx, NULL, &e);
}

static void on_secured(void *ctx, struct stream *s, const struct err_info *e)
{
    struct tunnel *t = ctx;

    t->dial = NULL;
    t->state = TUNNEL_IDLE;
    t->done(t->ctx, s, e);
}

/* The proxy has opened the way: the stream is the target's from here. */
static void hand_over(struct tunnel_talk *talk)
{
    struct tunnel *t = talk->tunnel;
    struct stream *s = talk->stream;

    stream_read_stop(s);
    stream_attach(s, NULL, NULL);
    timer_clear(&t->timer);
    task_cancel(&talk->task);
    free(talk);
    t->talk = NULL;
    if (!t->target->tls) {
        t->state = TUNNEL_IDLE;
        t->done(t->ctx, s, NULL);
        return;
    }
    t->state = TUNNEL_SECURING;
    t->dial = dial_start_tls(s, t->target->host, t->target->tls, t->deadline_at_ms, on_secured, t);
}

/* ---- HTTP CONNECT (RFC 9110, 9.3.6) ---- */

static void write_authority(const struct http_target *target, struct buf *out)
{
    bool ipv6 = slice_find(target->host, ':') != SIZE_MAX;

    buf_printf(out, "%s%.*s%s:%u", ipv6 ? "[" : "", SLICE_ARG(target->host), ipv6 ? "]" : "",
               target->port);
}

static void say(struct tunnel_talk *talk, struct slice bytes)
{
    struct iovec part = iovec_of(bytes);

    stream_write(talk->stream, &part, 1);
}

static void say_connect(struct tunnel_talk *talk)
{
    const struct http_target *target = talk->tunnel->target;
    struct buf out = {0};

    buf_append(&out, SLICE("CONNECT "));
    write_authority(target, &out);
    buf_append(&out, SLICE(" HTTP/1.1\r\nhost: "));
    write_authority(target, &out);
    buf_append(&out, SLICE("\r\n"));
    if (target->proxy->authorization.len)
        head_write_field(&out, SLICE("proxy-authorization"), target->proxy->authorization);
    head_write_end(&out);
    say(talk, buf_peek(&out));
    secret_wipe(out.data, out.cap);
    buf_release(&out);
    talk->step = TALK_CONNECT;
}

/* Each hear_* answers whether it could go on; it has failed the tunnel when `*bad` is set. */
static bool hear_connect(struct tunnel_talk *talk, const char **bad)
{
    struct slice bytes = slice_of(talk->reply, talk->len);
    size_t end = head_end(bytes, 0);
    struct err_info e = {0};
    struct head head;

    if (end == SIZE_MAX)
        return false;
    if (head_parse_response(slice_sub(bytes, 0, end), &head, &e) != ERR_NONE)
        *bad = "the proxy's answer is not valid";
    else if (head.status == 407)
        *bad = "the proxy wants other credentials";
    else if (head.status < 200 || head.status > 299)
        *bad = "the proxy refused the connection";
    else if (end != bytes.len)
        *bad = "the proxy's answer is not valid"; // what is behind it was not said by the target
    else
        hand_over(talk);
    return true;
}

/* ---- SOCKS5 (RFC 1928, RFC 1929); names are resolved by the proxy ---- */

static void say_socks_methods(struct tunnel_talk *talk)
{
    bool named = talk->tunnel->target->proxy->user.len > 0;

    say(talk, named ? SLICE("\x05\x02\x00\x02") : SLICE("\x05\x01\x00"));
    talk->step = TALK_SOCKS_METHOD;
}

static void say_socks_auth(struct tunnel_talk *talk)
{
    const struct http_proxy *p = talk->tunnel->target->proxy;
    struct buf out = {0};

    buf_append_byte(&out, 1);
    buf_append_byte(&out, (char)p->user.len);
    buf_append(&out, p->user);
    buf_append_byte(&out, (char)p->password.len);
    buf_append(&out, p->password);
    say(talk, buf_peek(&out));
    secret_wipe(out.data, out.cap);
    buf_release(&out);
    talk->step = TALK_SOCKS_AUTH;
}

static void say_socks_connect(struct tunnel_talk *talk)
{
    const struct http_target *target = talk->tunnel->target;
    struct buf out = {0};

    buf_append(&out, SLICE("\x05\x01\x00\x03"));
    buf_append_byte(&out, (char)target->host.len);
    buf_append(&out, target->host);
    buf_append_byte(&out, (char)(target->port >> 8));
    buf_append_byte(&out, (char)(target->port & 255));
    say(talk, buf_peek(&out));
    buf_release(&out);
    talk->step = TALK_SOCKS_REPLY;
}

static void forget(struct tunnel_talk *talk, size_t len)
{
    talk->len -= len;
    memmove(talk->reply, talk->reply + len, talk->len);
}

static bool hear_socks_method(struct tunnel_talk *talk, const char **bad)
{
    if (talk->len < 2)
        return false;
    if (talk->reply[0] != 5 ||
        (talk->reply[1] != 0 && (talk->reply[1] != 2 || !talk->tunnel->target->proxy->user.len)))
        *bad = "the proxy speaks no SOCKS5 that we can use";
    else if (talk->reply[1] == 2)
        say_socks_auth(talk);
    else
        say_socks_connect(talk);
    forget(talk, 2);
    return true;
}

static bool hear_socks_auth(struct tunnel_talk *talk, const char **bad)
{
    if (talk->len < 2)
        return false;
    if (talk->reply[1] != 0)
        *bad = "the proxy wants other credentials";
    else
        say_socks_connect(talk);
    forget(talk, 2);
    return true;
}

static bool hear_socks_reply(struct tunnel_talk *talk, const char **bad)
{
    size_t need;

    if (talk->len < 5)
        return false;
    switch (talk->reply[3]) {
    case 1: need = 4 + 4 + 2; break;
    case 3: need = 4 + 1 + (size_t)(unsigned char)talk->reply[4] + 2; break;
    case 4: need = 4 + 16 + 2; break;
    default: need = 0; break;
    }
    if (talk->reply[0] != 5 || !need) {
        *bad = "the proxy's answer is not valid";
        return true;
    }
    if (talk->len < need && talk->reply[1] == 0)
        return false;
    if (talk->reply[1] != 0)
        *bad = "the proxy refused the connection";
    else if (talk->len != need)
        *bad = "the proxy's answer is not valid";
    else
        hand_over(talk);
    return true;
}

/* ---- the talk ---- */

static void talk_run(void *ctx)
{
    struct tunnel_talk *talk = ctx;
    struct tunnel *t = talk->tunnel;
    const char *bad = NULL;
    bool went_on = true;

    while (t && t->talk == talk && went_on && !bad) {
        switch (talk->step) {
        case TALK_CONNECT: went_on = hear_connect(talk, &bad); break;
        case TALK_SOCKS_METHOD: went_on = hear_socks_method(talk, &bad); break;
        case TALK_SOCKS_AUTH: went_on = hear_socks_auth(talk, &bad); break;
        case TALK_SOCKS_REPLY: went_on = hear_socks_reply(talk, &bad); break;
        }
    }
    if (!t || t->talk != talk)
        return;
    if (!bad && (talk->ended || talk->len == sizeof(talk->reply)))
        bad = "the proxy closed the connection";
    if (bad)
        fail(t, ERR_UPSTREAM_DOWN, bad);
}

static char *on_room(void *ctx, size_t *size)
{
    struct tunnel_talk *talk = ctx;

    *size = sizeof(talk->reply) - talk->len;
    return *size ? talk->reply + talk->len : NULL;
}

static void on_read(void *ctx, size_t len)
{
    struct tunnel_talk *talk = ctx;

    talk->len += len;
    if (talk->tunnel)
        worker_wake(talk->tunnel->worker, &talk->task);
}

static void on_eof(void *ctx)
{
    struct tunnel_talk *talk = ctx;

    talk->ended = true;
    if (talk->tunnel)
        worker_wake(talk->tunnel->worker, &talk->task);
}

static void on_error(void *ctx, enum err err, const char *why)
{
    (void)err;
    (void)why;
    on_eof(ctx);
}

static void on_drained(void *ctx)
{
    (void)ctx;
}

static void on_closed(void *ctx)
{
    free(ctx);
}

static const struct stream_handler talk_handler = {
    .on_room = on_room,
    .on_read = on_read,
    .on_eof = on_eof,
    .on_error = on_error,
    .on_drained = on_drained,
    .on_closed = on_closed,
};

static void on_deadline(void *ctx)
{
    fail(ctx, ERR_UPSTREAM_TIMEOUT, "the proxy took too long");
}

static void on_dialed(void *ctx, struct stream *s, const struct err_info *e)
{
    struct tunnel *t = ctx;
    const struct http_proxy *proxy = t->target->proxy;
    struct tunnel_talk *talk;

    t->dial = NULL;
    if (!s || !proxy) {
        t->state = TUNNEL_IDLE;
        t->done(t->ctx, s, e);
        return;
    }
    talk = calloc(1, sizeof(*talk));
    if (!talk)
        panic("out of memory: a tunnel");
    talk->tunnel = t;
    talk->stream = s;
    task_init(&talk->task, talk_run, talk);
    t->talk = talk;
    t->state = TUNNEL_ASKING;
    timer_set(t->worker, &t->timer, t->deadline_at_ms);
    stream_attach(s, &talk_handler, talk);
    if (slice_eq(proxy->scheme, SLICE("socks5")))
        say_socks_methods(talk);
    else
        say_connect(talk);
    stream_read_start(s);
}

void tunnel_open(struct tunnel *t, struct worker *w, const struct http_target *target,
                 int64_t deadline_at_ms, dial_done_fn *done, void *ctx)
{
    const struct http_proxy *proxy = target->proxy;
    struct dial_target to = {
        .host = proxy ? proxy->host : target->host,
        .port = proxy ? proxy->port : target->port,
        .tls = proxy ? NULL : target->tls,
        .allow_private = proxy || target->allow_private, // the operator names the proxy
        .deadline_at_ms = deadline_at_ms,
    };

    *t = (struct tunnel){
        .state = TUNNEL_DIALING,
        .worker = w,
        .target = target,
        .deadline_at_ms = deadline_at_ms,
        .done = done,
        .ctx = ctx,
    };
    if (proxy && slice_eq(proxy->scheme, SLICE("https")))
        to.tls = proxy->tls;
    timer_init(&t->timer, on_deadline, t);
    t->dial = dial_open(w, &to, on_dialed, t);
}

void tunnel_cancel(struct tunnel *t)
{
    if (t->dial)
        dial_cancel(t->dial);
    if (t->talk)
        talk_over(t->talk);
    *t = (struct tunnel){0};
}
