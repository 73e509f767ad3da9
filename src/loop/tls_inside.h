/* tls_inside.h - what connections ask of their contexts.  Private to loop/. */
#ifndef LOOP_TLS_INSIDE_H
#define LOOP_TLS_INSIDE_H

#include <openssl/ssl.h>

#include "loop/tls.h"

SSL *tls_server_connection(struct tls_server *t);
SSL *tls_client_connection(struct tls_client *t);
bool tls_client_is_insecure(const struct tls_client *t);

/** A connection keeps its client's context alive; tls_client_free() lets go. */
struct tls_client *tls_client_ref(struct tls_client *t);

/** Sessions by name ("worker/host:port").  Keeping takes the session over, NULL forgets. */
void tls_client_keep(struct tls_client *t, const char *name, SSL_SESSION *session);
void tls_client_offer(struct tls_client *t, const char *name, SSL *ssl);

/** Called by OpenSSL when a session may be resumed later; in tls_layer.c. */
int tls_layer_on_session(SSL *ssl, SSL_SESSION *session);

#endif
