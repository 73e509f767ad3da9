/* channel.h - a kind of upstream: where, as whom, in which dialect, and what its errors mean. */
#ifndef CHANNEL_CHANNEL_H
#define CHANNEL_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "chat/dialect.h"
#include "chat/usage.h"

/* How the credential goes upstream. */
enum auth_kind {
    AUTH_NONE,
    AUTH_BEARER,         // authorization: Bearer KEY
    AUTH_X_API_KEY,      // x-api-key: KEY
    AUTH_X_GOOG_API_KEY, // x-goog-api-key: KEY
};

/*
 * One native ability.  `path` follows the base URL's own path; "{model}" in it
 * stands for the upstream model id, percent-encoded as one path segment except
 * for '/' inside it (checked: no "..", no empty segments), "{action}" for what a
 * Gemini client wrote after the colon where one operation has several, "{file}" for
 * what of files comes behind ("/ID/content").  The method of files is the client's,
 * "ANY" here.  Rows with
 * the version ("/v1/...") in `path` drop it when the base URL already ends in one.
 * `stream_path` replaces `path` for streams, NULL: the same.
 */
struct channel_route {
    enum operation operation;
    enum dialect dialect;
    enum auth_kind auth;
    const char *method;
    const char *path;
    const char *stream_path;
};

/*
 * What a status (and, when not empty, a text found in the body) means.  The text
 * holds a quote at each end, or a colon and a quote at its beginning: an error
 * that repeats what a client wrote escapes its quotes, so that no client can talk
 * a verdict about our credential into an answer.
 */
struct channel_verdict {
    int http_status;
    const char *body_has;
    enum err err;
};

/* A header that the channel sends unless the client's own, allowed copy is there. */
struct channel_header {
    enum dialect dialect;
    const char *name, *value;
};

/* What a channel that answers by itself is asked (echo). */
struct channel_local_request {
    enum operation operation;
    enum dialect dialect;
    enum framing framing;
    struct slice model; // the upstream's id
    struct slice body;  // JSON, validated; empty for GET
    struct slice request_id;
    int64_t now_unix_ms;
};

/*
 * Answers locally: writes the whole answer (a stream: all its events) to `out`,
 * its content type to `type` and its usage.  ERR_UNSUPPORTED when it cannot.
 */
typedef enum err channel_answer_fn(const struct channel_local_request *request, struct buf *out,
                                   const char **type, struct chat_usage *usage, struct err_info *e);

struct channel {
    const char *name;     // as in settings: "openai"
    const char *base_url; // default; NULL: the provider must set one (or needs none: answer)
    const struct channel_route *routes;
    size_t route_count;
    const struct channel_verdict *verdicts; // looked at before the common ones
    size_t verdict_count;
    const struct channel_header *headers;
    size_t header_count;
    channel_answer_fn *answer; // NULL: it has an upstream
    const char *files_beta;    // what Anthropic's beta header must name for files; NULL: nothing
    bool wants_secret;         // credentials must carry an api_key
    enum chat_host host;       // who stands behind its dialects
};

/** NULL when there is none of that name. */
const struct channel *channel_find(struct slice name);

/** All of them, for listings; `count` is set. */
const struct channel *const *channel_all(size_t *count);

/** The channel's own row for (op, dialect), or NULL: it does not speak that. */
const struct channel_route *channel_route_find(const struct channel *c, enum operation op,
                                               enum dialect d);

/** What an upstream's status and (the beginning of) its body mean; ERR_NONE for 2xx. */
enum err channel_verdict(const struct channel *c, int http_status, struct slice body);

/**
 * Path and query of an upstream request: base path + the route's path with the
 * model put in + `query` (without '?', may be empty; the caller has removed `key`).
 * `action` fills "{action}" ("batchEmbedContents") or "{file}"; elsewhere it is not looked at.
 * ERR_BAD_REQUEST when the model id or the action cannot stand in a path.
 */
enum err channel_path(const struct channel_route *route, struct slice base_path, struct slice model,
                      struct slice action, bool stream, struct slice query, struct buf *out,
                      struct err_info *e);

#endif
