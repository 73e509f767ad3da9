/* tls.h - OpenSSL contexts, both sides. */
#ifndef LOOP_TLS_H
#define LOOP_TLS_H

#include <stdbool.h>

#include "base/err.h"
#include "base/slice.h"

/* Shared by all workers, immutable after it was made; TLS 1.2 or later. */
struct tls_server;
struct tls_client;

struct tls_server *tls_server_new(const char *cert_file, const char *key_file, struct err_info *e);
void tls_server_free(struct tls_server *t);

/**
 * Peer and host name are verified against the system's authorities, and those in
 * `ca_file` when it is given.  `insecure` turns verification off (the caller allows
 * that on loopback and private addresses only).  Sessions are kept per host and
 * resumed.  ALPN offers http/1.1.
 */
struct tls_client *tls_client_new(const char *ca_file, bool insecure, struct err_info *e);
void tls_client_free(struct tls_client *t);

#endif
