/* tls_layer.h - TLS between a stream's socket and its owner.  Private to loop/. */
#ifndef LOOP_TLS_LAYER_H
#define LOOP_TLS_LAYER_H

#include "loop/stream_inside.h"

/*
 *   tls_start_* --> HANDSHAKE --> OPEN --close_notify came--> ENDED
 *   any --alert, bad record, end without close_notify--> BROKEN
 *
 * OpenSSL never sees the socket: it is fed from a slice of what was just read and
 * writes into the worker's buffer, which is sent when the call is over.  Between
 * calls a connection holds ciphertext only when its owner stopped reading.
 */
struct tls_layer;

/* The handshake is over: `why` NULL when it went well.  Not called after the stream was closed. */
typedef void tls_ready_fn(void *ctx, const char *why);

/** What a certificate can be checked against: not empty, no NUL, not too long. */
#define TLS_HOST_MAX 255
bool tls_host_ok(struct slice host);

/** Over a stream that is connected; it must be plain so far. */
void tls_start_server(struct stream *s, struct tls_server *server);
void tls_start_client(struct stream *s, struct tls_client *client, struct slice host, unsigned port,
                      tls_ready_fn *ready, void *ctx);
void tls_layer_free(struct tls_layer *t);

/** Where libuv may read ciphertext to; false when none is wanted now. */
bool tls_room(struct stream *s, char **room, size_t *size);
void tls_feed(struct stream *s, struct slice ciphertext);
void tls_end_of_tcp(struct stream *s);

/** Ciphertext or plaintext is held that the owner has not had. */
bool tls_holds(const struct stream *s);
void tls_resume(struct stream *s);

void tls_write(struct stream *s, const struct iovec *parts, int count);
size_t tls_queued(const struct stream *s); // plaintext that waits for the handshake

/** Says the end; false when that has to wait for the handshake. */
bool tls_close_notify(struct stream *s);

bool tls_resumed(const struct stream *s);

#endif
