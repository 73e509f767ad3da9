/* tls.c - OpenSSL contexts, both sides, and the sessions to resume. */
#include "loop/tls.h"

#include <assert.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include "base/list.h"
#include "base/panic.h"
#include "loop/tls_inside.h"

#define SESSIONS_MAX 256 // names, per client context

static const unsigned char alpn[] = "\x08http/1.1";

struct tls_server {
    SSL_CTX *ctx;
};

struct kept_session {
    struct list link;
    SSL_SESSION *session;
    char name[];
};

struct tls_client {
    SSL_CTX *ctx;
    atomic_uint refs;
    bool insecure;
    pthread_mutex_t lock; // of what follows
    struct list sessions; // used last first
    size_t session_count;
};

/* The first error is the cause, what follows are its consequences. */
static const char *openssl_reason(void)
{
    unsigned long code = ERR_peek_error();
    const char *reason;

    if (ERR_SYSTEM_ERROR(code))
        return uv_strerror(-ERR_GET_REASON(code));
    reason = ERR_reason_error_string(code);
    return reason ? reason : "unknown reason";
}

/* What both sides have in common. */
static SSL_CTX *new_context(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    ERR_clear_error();
    if (!ctx)
        panic("OpenSSL makes no context");
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *ctx)
{
    unsigned char *chosen = NULL;

    (void)ssl;
    (void)ctx;
    if (SSL_select_next_proto(&chosen, out_len, alpn, sizeof(alpn) - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

struct tls_server *tls_server_new(const char *cert_file, const char *key_file, struct err_info *e)
{
    SSL_CTX *ctx = new_context(TLS_server_method());
    struct tls_server *t;

    if (SSL_CTX_use_certificate_chain_file(ctx, cert_file) != 1) {
        err_set(e, ERR_IO, "cannot use the certificate %s: %s", cert_file, openssl_reason());
        goto free_context;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) != 1) {
        err_set(e, ERR_IO, "cannot use the private key %s: %s", key_file, openssl_reason());
        goto free_context;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); // the client keeps it, as a ticket
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    t = malloc(sizeof(*t));
    if (!t)
        panic("out of memory: a TLS context");
    t->ctx = ctx;
    return t;

free_context:
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return NULL;
}

void tls_server_free(struct tls_server *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->ctx); // connections hold references of their own
    free(t);
}

static SSL *new_connection(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    if (!ssl)
        panic("out of memory: a TLS connection");
    return ssl;
}

SSL *tls_server_connection(struct tls_server *t)
{
    return new_connection(t->ctx);
}

struct tls_client *tls_client_new(const char *ca_file, bool insecure, struct err_info *e)
{
    SSL_CTX *ctx = new_context(TLS_client_method());
    struct tls_client *t;

    SSL_CTX_set_default_verify_paths(ctx); // no authorities there: every certificate is refused
    if (ca_file && SSL_CTX_load_verify_locations(ctx, ca_file, NULL) != 1) {
        err_set(e, ERR_IO, "cannot read certificates from %s: %s", ca_file, openssl_reason());
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return NULL;
    }
    ERR_clear_error();
    SSL_CTX_set_verify(ctx, insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, tls_layer_on_session);
    SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1);
    t = calloc(1, sizeof(*t));
    if (!t)
        panic("out of memory: a TLS context");
    t->ctx = ctx;
    t->insecure = insecure;
    atomic_init(&t->refs, 1);
    pthread_mutex_init(&t->lock, NULL);
    list_init(&t->sessions);
    return t;
}

bool tls_client_is_insecure(const struct tls_client *t)
{
    return t->insecure;
}

struct tls_client *tls_client_ref(struct tls_client *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

static void free_session(struct kept_session *kept)
{
    list_remove(&kept->link);
    SSL_SESSION_free(kept->session);
    free(kept);
}

void tls_client_free(struct tls_client *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    while (!list_is_empty(&t->sessions))
        free_session(list_entry(t->sessions.next, struct kept_session, link));
    pthread_mutex_destroy(&t->lock);
    SSL_CTX_free(t->ctx);
    free(t);
}

SSL *tls_client_connection(struct tls_client *t)
{
    return new_connection(t->ctx);
}

/* Under the lock.  The one that is found becomes the first. */
static struct kept_session *find_session(struct tls_client *t, const char *name)
{
    list_for_each(at, &t->sessions) {
        struct kept_session *kept = list_entry(at, struct kept_session, link);
        if (strcmp(kept->name, name) == 0) {
            list_remove(&kept->link);
            list_push_front(&t->sessions, &kept->link);
            return kept;
        }
    }
    return NULL;
}

static struct kept_session *add_session(struct tls_client *t, const char *name)
{
    size_t size = strlen(name) + 1;
    struct kept_session *kept = malloc(sizeof(*kept) + size);

    if (!kept)
        panic("out of memory: a TLS session");
    memcpy(kept->name, name, size);
    list_push_front(&t->sessions, &kept->link);
    if (t->session_count == SESSIONS_MAX)
        free_session(list_entry(t->sessions.prev, struct kept_session, link));
    else
        t->session_count++;
    return kept;
}

void tls_client_keep(struct tls_client *t, const char *name, SSL_SESSION *session)
{
    struct kept_session *kept;

    pthread_mutex_lock(&t->lock);
    kept = find_session(t, name);
    if (!session && kept) {
        free_session(kept);
        t->session_count--;
    } else if (session && kept) {
        SSL_SESSION_free(kept->session);
        kept->session = session;
    } else if (session) {
        add_session(t, name)->session = session;
    }
    pthread_mutex_unlock(&t->lock);
}

void tls_client_offer(struct tls_client *t, const char *name, SSL *ssl)
{
    struct kept_session *kept;

    pthread_mutex_lock(&t->lock);
    kept = find_session(t, name);
    if (kept)
        SSL_set_session(ssl, kept->session); // takes a reference
    pthread_mutex_unlock(&t->lock);
}
