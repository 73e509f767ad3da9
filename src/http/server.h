/* server.h - the side that clients connect to: connections, requests, answers. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "http/body.h"
#include "loop/stream.h"
#include "loop/worker.h"
#include "wire/head.h"

/*
 * One server a worker.  A connection serves its requests one after another; what a
 * client pipelines waits in the connection's buffer.  Everything is called on the
 * worker's thread.  HTTP/2 will be a second kind of connection behind the same
 * `struct http_request`.
 */
struct http_server;
struct http_conn;

struct http_server_limits {
    int64_t head_timeout_ms;  // from the first byte of a head to its end
    int64_t idle_timeout_ms;  // keep-alive without a request
    int64_t body_grace_ms;    // a body slower than body_min_rate after that is cut
    int64_t body_min_rate;    // bytes a second
    int64_t drain_timeout_ms; // a client that takes less than 1 KiB in this time is cut
    size_t max_queued_bytes;  // above it response_has_room() says no
    size_t max_connections;   // of this worker; 0: no limit
};

/* The values of spec.md 3 and hardening.md T14, T15. */
extern const struct http_server_limits http_server_defaults;

/* Told what an answer is made of, as it is written. */
struct http_response_tap {
    void (*on_start)(void *ctx, int status, struct slice fields);
    void (*on_bytes)(void *ctx, struct slice bytes);
    void *ctx;
};

/*
 *   on_request --> body comes in, response_start --> response_write* --> response_end
 *
 * Lives inside its connection.  From on_request until response_end() or
 * response_abort() it belongs to the handler, who must call one of them, also when
 * `gone` is set.  After that the pointer is dead.
 */
struct http_request {
    struct http_conn *conn;
    struct worker *worker;
    struct task *wake; // set by the handler; woken by: body bytes or end, room, gone
    struct http_body body;
    const struct http_response_tap *tap; // set by the handler; NULL: nobody listens
    bool gone;                           // the client will read no answer
    bool is_head;                        // HEAD: response bodies are counted but not sent
    unsigned minor_version;
    /* private */
    bool started, chunked, keep_alive, wants_continue;
    int64_t length_left;
};

/* Called with a complete, valid head; its slices live until the handler returns. */
typedef void http_request_fn(void *ctx, struct http_request *r, const struct head *head);

/* Called instead when the head is not acceptable; answers with response_*; the connection then closes. */
typedef void http_refuse_fn(void *ctx, struct http_request *r, const struct err_info *e);

struct http_handler {
    http_request_fn *on_request;
    http_refuse_fn *on_refuse;
    void *ctx;
};

struct http_server *http_server_new(struct worker *w, const struct http_server_limits *limits,
                                    struct http_handler handler);

/** Takes an accepted stream over: the listener's callback. */
void http_server_accept(void *server, struct stream *s);

/** Idle connections close now, others after their running answer. */
void http_server_drain(struct http_server *s);

/** Closes all connections now, whatever runs on them; their handlers must have let go. */
void http_server_cut(struct http_server *s);

size_t http_server_connections(const struct http_server *s);

/** Only when no connection is left. */
void http_server_free(struct http_server *s);

/**
 * Status line and fields.  `fields` holds whole, valid "name: value\r\n" lines without
 * framing: length, coding, connection and date are added here.  `length` -1: not
 * known, so chunked, or until the connection closes for HTTP/1.0.
 */
void response_start(struct http_request *r, int status, struct slice fields, int64_t length);

/** Whether more should be written now (back-pressure); wakes when it becomes true again. */
bool response_has_room(const struct http_request *r);

/** Copies what cannot leave at once; bytes of one turn leave together. */
void response_write(struct http_request *r, struct slice bytes);

/** The answer is whole.  Falls to response_abort() when `length` was not reached. */
void response_end(struct http_request *r);

/** The answer will never be whole: cuts the connection so that the client sees it. */
void response_abort(struct http_request *r);

/** A small whole answer: start, write, end. */
void response_send(struct http_request *r, int status, struct slice fields, struct slice body);

/** Sends what this turn has gathered; called by whoever runs in a task and has written. */
void http_server_flush(struct http_server *s);
struct http_server *http_request_server(const struct http_request *r);

/** The client's address as text. */
struct slice http_request_peer(const struct http_request *r);

/** More of the body is wanted: reads on, and says "100 Continue" to who waits for it. */
void http_request_want_body(struct http_request *r);

#endif
