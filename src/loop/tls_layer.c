/* tls_layer.c - TLS between a stream's socket and its owner. */
#include "loop/tls_layer.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/panic.h"
#include "loop/tls_inside.h"

#define BATCH_BYTES ((size_t)64 * 1024) // of ciphertext, then it is sent
#define WHY_BYTES   160

enum tls_state { TLS_HANDSHAKE, TLS_OPEN, TLS_ENDED, TLS_BROKEN };

struct tls_layer {
    SSL *ssl;
    struct stream *stream;
    enum tls_state state;
    enum err broken_as;
    bool close_wanted;         // close_notify goes when `early` has gone
    struct slice in;           // ciphertext at hand, only during a call
    struct buf held;           // ciphertext for which the owner had no room
    struct buf early;          // plaintext written before the handshake was over
    struct tls_client *client; // NULL on the server's side
    tls_ready_fn *ready;       // NULL when nobody waits
    void *ctx;
    char *why;           // set when it breaks
    char session_name[]; // NUL terminated; only with a client
};

/* The socket as OpenSSL sees it. */

static int bio_read(BIO *bio, char *out, int size)
{
    struct tls_layer *t = BIO_get_data(bio);
    size_t len = size > 0 ? (size_t)size : 0;

    BIO_clear_retry_flags(bio);
    if (len > t->in.len)
        len = t->in.len;
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(out, t->in.ptr, len);
    t->in = slice_after(t->in, len);
    return (int)len;
}

static int bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_layer *t = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buf_append(&t->stream->worker->loop->ciphertext, slice_of(bytes, (size_t)len));
    return len;
}

static long bio_ctrl(BIO *bio, int command, long number, void *ptr)
{
    (void)bio;
    (void)number;
    (void)ptr;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

static BIO_METHOD *bio_method;

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
    if (!bio_method)
        panic("out of memory: a BIO method");
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

static void send_ciphertext(struct tls_layer *t)
{
    struct buf *out = &t->stream->worker->loop->ciphertext;
    struct slice bytes = buf_peek(out);

    if (bytes.len == 0)
        return;
    stream_send(t->stream, &(struct iovec){out->data + out->start, bytes.len}, 1);
    buf_clear(out);
    if (out->cap > 2 * BATCH_BYTES)
        buf_release(out);
}

/* When it breaks. */

static char *explain(SSL *ssl, const char *fallback)
{
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    long verdict = SSL_get_verify_result(ssl);
    char *why = malloc(WHY_BYTES);

    if (!why)
        panic("out of memory: a reason");
    if (code && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK)
        snprintf(why, WHY_BYTES, "%s: %s", reason, X509_verify_cert_error_string(verdict));
    else
        snprintf(why, WHY_BYTES, "%s", reason ? reason : fallback);
    ERR_clear_error();
    return why;
}

/* `fallback` is said when OpenSSL gives no reason. */
static void break_down(struct tls_layer *t, const char *fallback)
{
    bool handshake = t->state == TLS_HANDSHAKE;

    t->state = TLS_BROKEN;
    free(t->why);
    t->why = explain(t->ssl, fallback);
    send_ciphertext(t); // the alert
    if (handshake && t->client)
        tls_client_keep(t->client, t->session_name, NULL);
    if (handshake && t->ready) {
        tls_ready_fn *ready = t->ready;
        t->ready = NULL;
        ready(t->ctx, t->why);
        return;
    }
    stream_fail(t->stream, t->broken_as, t->why);
}

/* Writing. */

static void encrypt(struct tls_layer *t, const char *bytes, size_t len)
{
    struct buf *out = &t->stream->worker->loop->ciphertext;
    size_t written;

    while (len > 0 && t->state != TLS_BROKEN) {
        size_t piece = len < LOOP_RECORD_BYTES ? len : LOOP_RECORD_BYTES;

        ERR_clear_error();
        if (SSL_write_ex(t->ssl, bytes, piece, &written) != 1) {
            t->stream->broken_why = "the TLS layer does not take bytes"; // only a bug of ours
            worker_wake(t->stream->worker, &t->stream->news);
            return;
        }
        bytes += written;
        len -= written;
        if (buf_len(out) >= BATCH_BYTES)
            send_ciphertext(t);
    }
}

/* Small parts share a record: each costs 22 bytes and two passes over a cipher. */
static void encrypt_parts(struct tls_layer *t, const struct iovec *parts, int count)
{
    char *gathered = loop_record(t->stream->worker);
    size_t len = 0;

    for (int i = 0; i < count; i++) {
        const char *bytes = parts[i].iov_base;
        size_t left = parts[i].iov_len;

        while (left > 0) {
            size_t piece = left < LOOP_RECORD_BYTES - len ? left : LOOP_RECORD_BYTES - len;

            if (piece == LOOP_RECORD_BYTES) {
                encrypt(t, bytes, piece);
            } else {
                memcpy(gathered + len, bytes, piece);
                len += piece;
            }
            if (len == LOOP_RECORD_BYTES) {
                encrypt(t, gathered, len);
                len = 0;
            }
            bytes += piece;
            left -= piece;
        }
    }
    encrypt(t, gathered, len);
    send_ciphertext(t);
}

void tls_write(struct stream *s, const struct iovec *parts, int count)
{
    struct tls_layer *t = s->tls;

    if (t->state == TLS_BROKEN)
        return;
    if (t->state != TLS_HANDSHAKE) {
        encrypt_parts(t, parts, count);
        return;
    }
    for (int i = 0; i < count; i++)
        buf_append(&t->early, slice_of(parts[i].iov_base, parts[i].iov_len));
}

size_t tls_queued(const struct stream *s)
{
    return buf_len(&s->tls->early);
}

bool tls_close_notify(struct stream *s)
{
    struct tls_layer *t = s->tls;

    if (t->state == TLS_HANDSHAKE) {
        t->close_wanted = true;
        return false;
    }
    if (t->state != TLS_BROKEN) {
        ERR_clear_error();
        SSL_shutdown(t->ssl);
        send_ciphertext(t);
    }
    return true;
}

/* What was written during the handshake goes now. */
static void send_early(struct tls_layer *t)
{
    struct slice early = buf_peek(&t->early);

    if (early.len)
        encrypt_parts(t, &(struct iovec){t->early.data + t->early.start, early.len}, 1);
    buf_release(&t->early);
    if (t->close_wanted)
        tls_close_notify(t->stream);
    if (early.len || t->close_wanted)
        stream_early_sent(t->stream);
}

/* Reading. */

static void shake_hands(struct tls_layer *t)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(t->ssl);
    if (result != 1 && SSL_get_error(t->ssl, result) != SSL_ERROR_WANT_READ) {
        break_down(t, "the TLS handshake failed");
        return;
    }
    send_ciphertext(t);
    if (result != 1)
        return;
    t->state = TLS_OPEN;
    send_early(t);
    if (t->ready && !t->stream->is.closing) {
        tls_ready_fn *ready = t->ready;
        t->ready = NULL;
        ready(t->ctx, NULL);
    }
}

/*
 * A ticket makes OpenSSL keep a record's buffer in spite of SSL_MODE_RELEASE_BUFFERS, and
 * an answer may be long in coming.  Before 3.0.14 this is not safe (CVE-2024-4741).
 */
static void free_buffers(SSL *ssl)
{
#if OPENSSL_VERSION_NUMBER >= 0x300000e0L
    SSL_free_buffers(ssl);
#else
    (void)ssl;
#endif
}

/* Deciphers a record if there is a whole one; only then the owner is asked for room. */
static bool has_plaintext(struct tls_layer *t)
{
    char first;
    int result;

    if (SSL_pending(t->ssl) > 0)
        return true;
    if (t->in.len == 0) {
        free_buffers(t->ssl);
        return false;
    }
    ERR_clear_error();
    result = SSL_peek(t->ssl, &first, 1);
    if (result == 1)
        return true;
    switch (SSL_get_error(t->ssl, result)) {
    case SSL_ERROR_WANT_READ: free_buffers(t->ssl); break;
    case SSL_ERROR_ZERO_RETURN:
        t->state = TLS_ENDED;
        stream_end(t->stream);
        break;
    default: break_down(t, "the TLS connection broke"); break;
    }
    return false;
}

static bool deliver(struct tls_layer *t)
{
    struct stream *s = t->stream;
    size_t size = 0, len = 0;
    char *room;

    if (!has_plaintext(t))
        return false;
    room = s->handler->on_room(s->ctx, &size);
    if (!room) {
        stream_read_stop(s);
        return false;
    }
    if (SSL_read_ex(t->ssl, room, size, &len) != 1) {
        break_down(t, "the TLS connection broke");
        return false;
    }
    s->handler->on_read(s->ctx, len);
    return true;
}

/* Moves as far as the ciphertext at hand and the owner allow. */
static void pump(struct tls_layer *t)
{
    struct stream *s = t->stream;

    if (t->state == TLS_HANDSHAKE)
        shake_hands(t);
    while (t->state == TLS_OPEN && s->is.wants_read && s->handler && !s->is.closing)
        if (!deliver(t))
            break;
    if (!s->is.closing)
        send_ciphertext(t); // answers to alerts and key updates
    buf_clear(&s->worker->loop->ciphertext);
}

void tls_feed(struct stream *s, struct slice ciphertext)
{
    struct tls_layer *t = s->tls;

    if (t->state == TLS_ENDED || t->state == TLS_BROKEN)
        return;
    if (buf_len(&t->held)) {
        buf_append(&t->held, ciphertext);
        tls_resume(s);
        return;
    }
    t->in = ciphertext;
    pump(t);
    if (t->state == TLS_OPEN && !s->is.closing)
        buf_append(&t->held, t->in);
    t->in = slice_of(NULL, 0);
}

void tls_resume(struct stream *s)
{
    struct tls_layer *t = s->tls;
    struct slice held = buf_peek(&t->held);

    t->in = held;
    pump(t);
    buf_consume(&t->held, held.len - t->in.len);
    t->in = slice_of(NULL, 0);
    if (!buf_len(&t->held))
        buf_release(&t->held);
    if (!tls_holds(s) && s->is.wants_read)
        stream_pull(s);
}

bool tls_holds(const struct stream *s)
{
    const struct tls_layer *t = s->tls;

    return t->state == TLS_OPEN && (buf_len(&t->held) || SSL_pending(t->ssl) > 0);
}

bool tls_room(struct stream *s, char **room, size_t *size)
{
    struct tls_layer *t = s->tls;
    bool wanted =
        t->state == TLS_HANDSHAKE || (t->state == TLS_OPEN && s->is.wants_read && !tls_holds(s));

    if (!wanted)
        return false;
    *room = loop_scratch(s->worker);
    *size = LOOP_SCRATCH_BYTES;
    return true;
}

void tls_end_of_tcp(struct stream *s)
{
    struct tls_layer *t = s->tls;

    if (t->state == TLS_HANDSHAKE)
        break_down(t, "the connection ended during the TLS handshake");
    else if (t->state == TLS_OPEN)
        break_down(t, "the connection ended without a TLS close_notify");
}

/* Starting and ending. */

static struct tls_layer *start(struct stream *s, SSL *ssl, const char *session_name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    size_t size = strlen(session_name) + 1;
    struct tls_layer *t = calloc(1, sizeof(*t) + size);
    BIO *bio;

    pthread_once(&once, make_bio_method);
    bio = BIO_new(bio_method);
    if (!t || !bio)
        panic("out of memory: a TLS connection");
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_app_data(ssl, t);
    t->ssl = ssl;
    t->stream = s;
    t->broken_as = s->broken_as == ERR_CLIENT_GONE ? ERR_CLIENT_GONE : ERR_UPSTREAM_TLS;
    memcpy(t->session_name, session_name, size);
    assert(!s->tls);
    s->tls = t;
    return t;
}

void tls_start_server(struct stream *s, struct tls_server *server)
{
    SSL *ssl = tls_server_connection(server);

    SSL_set_accept_state(ssl);
    start(s, ssl, "");
    stream_pull(s);
}

/* The name that the certificate must bear, and that the server is told. */
static void name_peer(SSL *ssl, char *host)
{
    X509_VERIFY_PARAM *param = SSL_get0_param(ssl);
    struct address literal;

    bool named;

    assert(host[0]); // an empty name would match every certificate
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    if (address_parse(slice_str(host), 0, &literal))
        named = X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
    else
        named = X509_VERIFY_PARAM_set1_host(param, host, 0) == 1 &&
                SSL_set_tlsext_host_name(ssl, host) == 1;
    if (!named)
        panic("OpenSSL does not take the host name %s", host);
}

bool tls_host_ok(struct slice host)
{
    if (slice_ends(host, SLICE(".")))
        host.len--;
    return host.len > 0 && host.len <= TLS_HOST_MAX && slice_find(host, '\0') == SIZE_MAX;
}

void tls_start_client(struct stream *s, struct tls_client *client, struct slice host, unsigned port,
                      tls_ready_fn *ready, void *ctx)
{
    SSL *ssl = tls_client_connection(client);
    char name[TLS_HOST_MAX + 1], session_name[TLS_HOST_MAX + 32];
    struct tls_layer *t;

    assert(tls_host_ok(host));
    if (slice_ends(host, SLICE(".")))
        host.len--; // a certificate's names have no final dot
    snprintf(name, sizeof(name), "%.*s", SLICE_ARG(host));
    snprintf(session_name, sizeof(session_name), "%u/%s:%u", s->worker->index, name, port);
    SSL_set_connect_state(ssl);
    name_peer(ssl, name);
    t = start(s, ssl, session_name);
    t->client = tls_client_ref(client);
    t->ready = ready;
    t->ctx = ctx;
    tls_client_offer(client, session_name, ssl);
    pump(t);
    stream_pull(s);
}

int tls_layer_on_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_layer *t = SSL_get_app_data(ssl);

    if (!t->client || !SSL_SESSION_is_resumable(session))
        return 0;
    tls_client_keep(t->client, t->session_name, session);
    return 1;
}

bool tls_resumed(const struct stream *s)
{
    return SSL_session_reused(s->tls->ssl) == 1;
}

void tls_layer_free(struct tls_layer *t)
{
    if (!t)
        return;
    SSL_set_shutdown(t->ssl, SSL_SENT_SHUTDOWN); // else the session could not be resumed
    SSL_free(t->ssl);
    tls_client_free(t->client);
    buf_release(&t->held);
    buf_release(&t->early);
    free(t->why);
    free(t);
}
