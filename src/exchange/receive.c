/* receive.c - the stages that see the head: what is asked, and by whom. */
#include <stdio.h>

#include "base/clock.h"
#include "exchange/stages.h"
#include "wire/url.h"

#define CLIENT_ID_MAX_BYTES 128

/* Where a key may stand, first one wins (spec.md 3). */
static struct slice find_key(const struct head *head, struct arena *arena)
{
    struct slice value = head_value(head, HEAD_AUTHORIZATION);
    struct buf decoded = {0};

    if (slice_starts_nocase(value, SLICE("bearer ")))
        return slice_trim(slice_after(value, 7));
    value = head_value(head, HEAD_X_API_KEY);
    if (value.len)
        return value;
    value = head_value(head, HEAD_X_GOOG_API_KEY);
    if (value.len)
        return value;
    value = query_get(head->query, SLICE("key"));
    if (slice_find(value, '%') == SIZE_MAX)
        return value;
    if (!percent_decode(value, &decoded))
        buf_clear(&decoded);
    value = arena_dup(arena, buf_peek(&decoded));
    buf_release(&decoded);
    return value;
}

/*
 * What of the client's head goes upstream.  An allow-list: what is not known to
 * be meant for a provider stays here (hardening.md T3, T7).  Fields that the
 * channel or the call itself decides (authorization, host, lengths) are not among them.
 */
static bool goes_upstream(const struct head_field *f)
{
    static const struct slice prefixes[] = {
        {"anthropic-",   10},
        {"x-stainless-", 12},
        {"x-codex-",     8 },
        {"openai-",      7 }
    };

    switch ((int)f->known) {
    case HEAD_ANTHROPIC_VERSION:
    case HEAD_ANTHROPIC_BETA:
    case HEAD_OPENAI_BETA:
    case HEAD_IDEMPOTENCY_KEY:
    case HEAD_TRACEPARENT:
    case HEAD_TRACESTATE:
    case HEAD_X_CLIENT_REQUEST_ID: return true;
    case HEAD_OTHER: break;
    default: return false;
    }
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (slice_starts_nocase(f->name, prefixes[i]))
            return true;
    }
    return slice_eq_nocase(f->name, SLICE("x-goog-api-client")) ||
           slice_eq_nocase(f->name, SLICE("session_id"));
}

/* Kept for the usage row and echoed: printable ASCII, up to 128 bytes. */
static struct slice client_id(const struct head *head)
{
    struct slice id = head_value(head, HEAD_X_CLIENT_REQUEST_ID);

    if (!id.len)
        id = head_value(head, HEAD_X_REQUEST_ID);
    if (id.len > CLIENT_ID_MAX_BYTES)
        return (struct slice){0};
    for (size_t i = 0; i < id.len; i++) {
        if (id.ptr[i] < 0x20 || id.ptr[i] > 0x7e)
            return (struct slice){0};
    }
    return id;
}

/* Copies what outlives the head. */
static void keep_head(struct exchange *x, const struct head *head)
{
    struct buf *scratch = &x->gw->scratch;

    buf_clear(scratch);
    for (size_t i = 0; i < head->count; i++) {
        const struct head_field *f = &head->fields[i];
        if (goes_upstream(f) && !head_field_is_hop(head, f))
            head_write_field(scratch, f->name, f->value);
    }
    if (buf_len(scratch))
        x->forward = arena_dup(&x->arena, buf_peek(scratch));
    if (head->query.len) {
        buf_clear(scratch);
        query_write_without(head->query, SLICE("key"), scratch);
        x->query = arena_dup(&x->arena, buf_peek(scratch));
    }
    x->content_length = head->content_length;
    x->client_request_id = client_id(head);
    if (x->client_request_id.len)
        x->client_request_id = arena_dup(&x->arena, x->client_request_id);
    x->origin = head_value(head, HEAD_ORIGIN);
    if (x->origin.len)
        x->origin = arena_dup(&x->arena, x->origin);
    x->asked_headers = head_value(head, HEAD_ACCESS_CONTROL_HEADERS);
    if (x->asked_headers.len)
        x->asked_headers = arena_dup(&x->arena, x->asked_headers);
}

enum verdict stage_receive(struct exchange *x)
{
    const struct head *head = x->head;
    struct slice key, coding = head_value(head, HEAD_CONTENT_ENCODING);

    x->head = NULL; // it goes when this turn does
    keep_head(x, head);
    key = find_key(head, &x->arena);
    trail_begin(x, head, key);
    if (key.len) {
        key_digest(x->gw->gateway->key_hasher, key, x->digest);
        x->has_key = true;
    }
    classify(head, &x->arena, &x->target, &x->err);
    x->is_data_route = x->err.code == ERR_NONE || x->err.code == ERR_METHOD;
    if (x->is_data_route && slice_eq(head->method, SLICE("OPTIONS"))) {
        x->is_options = true;
        x->err = (struct err_info){0};
        x->local_status = 204;
        return STAGE_NEXT;
    }
    if (x->err.code)
        return STAGE_FAIL;
    x->framing = x->target.framing;
    x->stream = x->framing != FRAMING_BODY;
    if (x->target.act == FILE_UPLOAD)
        x->content_type = arena_dup(&x->arena, head_value(head, HEAD_CONTENT_TYPE));
    stats_add(&x->gw->stats.requests[x->target.dialect][x->target.operation], 1);
    if (coding.len && !slice_eq_nocase(coding, SLICE("identity")))
        return exchange_fail(x, ERR_MEDIA_TYPE,
                             "send the body without content-encoding: %.*s is not accepted",
                             SLICE_ARG(slice_sub(coding, 0, 40)));
    if (head->upgrade)
        return exchange_fail(x, ERR_UNSUPPORTED, "WebSocket is not supported by this version");
    return STAGE_NEXT;
}

const struct key *gateway_key(struct gateway_worker *gw, const struct head *head)
{
    unsigned char digest[KEY_DIGEST_BYTES];
    const struct key *key = NULL;
    struct arena arena;
    struct slice text;

    arena_init(&arena, 0);
    text = find_key(head, &arena);
    if (text.len) {
        key_digest(gw->gateway->key_hasher, text, digest);
        key = route_authenticate(gw->snapshot, digest, gw->worker->now_unix_ms);
    }
    arena_release(&arena);
    return key;
}

enum verdict stage_authenticate(struct exchange *x)
{
    if (x->is_options)
        return STAGE_NEXT;
    if (!x->has_key)
        return exchange_fail(x, ERR_BAD_KEY,
                             "no API key: send a gproxy key as \"Authorization: Bearer KEY\", "
                             "x-api-key, x-goog-api-key or ?key=");
    x->key = route_authenticate(x->snapshot, x->digest, x->gw->worker->now_unix_ms);
    if (!x->key)
        return exchange_fail(x, ERR_BAD_KEY, "this API key is unknown, disabled or expired");
    if (x->target.scope.len) {
        x->scope = route_provider(x->snapshot, x->target.scope);
        if (!x->scope)
            return exchange_fail(x, ERR_NOT_FOUND, "there is no provider \"%.*s\"",
                                 SLICE_ARG(slice_sub(x->target.scope, 0, 64)));
    }
    return STAGE_NEXT;
}
