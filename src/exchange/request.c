/* request.c - an upstream request: rebuilt from parsed parts, the body spliced, never re-written. */
#include "chat/envelope_body.h"
#include "exchange/attempt.h"
#include "exchange/edit.h"
#include "exchange/foreign.h"
#include "http/proxy.h"
#include "wire/head.h"

/* ---- whom to call ---- */

static enum err set_proxy(struct exchange *x, struct attempt *at)
{
    const struct provider *p = at->candidate->provider;
    struct slice text = at->credential->proxy.len ? at->credential->proxy : p->proxy;
    struct http_proxy *proxy;

    if (!text.len) {
        at->target.proxy = x->gw->gateway->proxy;
        return ERR_NONE;
    }
    proxy = arena_new(&x->arena, struct http_proxy);
    at->target.proxy = proxy;
    return http_proxy_parse(text, x->gw->gateway->proxy_tls, &x->arena, proxy, &at->err);
}

static enum err set_target(struct exchange *x, struct attempt *at)
{
    const struct provider *p = at->candidate->provider;
    struct gateway *g = x->gw->gateway;

    at->target.pool_key = at->credential->pool_key;
    at->target.host = p->base.host;
    at->target.port = p->base.port;
    at->target.allow_private = x->snapshot->limits.allow_private;
    if (p->base.is_tls && p->ca_file.len) {
        at->target.tls = gateway_ca_find(g, p->ca_file);
        if (!at->target.tls)
            return err_set(&at->err, ERR_UPSTREAM_TLS, "the provider's ca_file cannot be used");
    } else if (p->base.is_tls) {
        at->target.tls = p->insecure_skip_verify ? g->tls_insecure : g->tls;
        if (!at->target.tls)
            return err_set(&at->err, ERR_UPSTREAM_TLS,
                           "the certificate authorities cannot be read");
    }
    return set_proxy(x, at);
}

/* ---- the head ---- */

static void write_auth(struct buf *out, enum auth_kind kind, struct secret key)
{
    struct slice text = secret_reveal(key);

    if (!text.len)
        return;
    switch (kind) {
    case AUTH_NONE: return;
    case AUTH_BEARER: buf_append(out, SLICE("authorization: Bearer ")); break;
    case AUTH_X_API_KEY: buf_append(out, SLICE("x-api-key: ")); break;
    case AUTH_X_GOOG_API_KEY: buf_append(out, SLICE("x-goog-api-key: ")); break;
    }
    buf_append(out, text); // checked when the snapshot was built: no byte that ends a line
    buf_append(out, SLICE("\r\n"));
}

/* Whether one of the "name: value" lines has that name. */
static bool has_line(struct slice lines, struct slice name)
{
    while (lines.len) {
        struct slice line = slice_cut(lines, '\n', &lines);
        if (line.len > name.len && line.ptr[name.len] == ':' && slice_starts_nocase(line, name))
            return true;
    }
    return false;
}

static void write_fields(const struct exchange *x, const struct attempt *at, struct buf *out)
{
    const struct provider *p = at->candidate->provider;
    const struct channel *c = p->channel;

    if (at->is_foreign)
        foreign_write_fields(x->forward, out);
    else
        buf_append(out, x->forward);
    for (size_t i = 0; i < c->header_count; i++) {
        const struct channel_header *h = &c->headers[i];
        if (h->dialect == at->dialect &&
            (at->is_foreign || !has_line(x->forward, slice_str(h->name))))
            head_write_field(out, slice_str(h->name), slice_str(h->value));
    }
    if (p->organization.len && at->route->auth == AUTH_BEARER)
        head_write_field(out, SLICE("openai-organization"), p->organization);
    if (p->project.len && at->route->auth == AUTH_BEARER)
        head_write_field(out, SLICE("openai-project"), p->project);
}

/* The client's own goes on where its dialect does. */
static struct slice query_of(const struct exchange *x, const struct attempt *at)
{
    if (!at->is_foreign)
        return x->query;
    return at->dialect == DIALECT_GEMINI && x->stream ? SLICE("alt=sse") : SLICE("");
}

static enum err write_head(struct exchange *x, struct attempt *at, size_t body_len)
{
    const struct provider *p = at->candidate->provider;
    struct buf *out = &at->head;

    buf_clear(out);
    buf_append_str(out, at->route->method);
    buf_append_byte(out, ' ');
    if (channel_path(at->route, p->base.path, at->candidate->model, at->action, x->stream,
                     query_of(x, at), out, &at->err) != ERR_NONE)
        return at->err.code;
    buf_append(out, SLICE(" HTTP/1.1\r\nhost: "));
    url_write_authority(&p->base, out);
    buf_append(out, SLICE("\r\n"));
    write_auth(out, at->route->auth, at->credential->api_key);
    buf_append(out,
               SLICE("content-type: application/json\r\naccept-encoding: identity\r\naccept: "));
    buf_append(out,
               at->framing == FRAMING_SSE ? SLICE("text/event-stream") : SLICE("application/json"));
    buf_append(out, SLICE("\r\nuser-agent: gproxy/"));
    buf_append_str(out, x->gw->gateway->version);
    buf_append(out, SLICE("\r\n"));
    write_fields(x, at, out);
    buf_append(out, SLICE("content-length: "));
    buf_append_u64(out, body_len);
    buf_append(out, SLICE("\r\n\r\n"));
    return ERR_NONE;
}

/* ---- the body ---- */

static size_t plan_edits(struct exchange *x, struct attempt *at, struct edit **edits)
{
    struct slice model = at->candidate->model;
    size_t count = 0;

    if (x->target.dialect == DIALECT_GEMINI)
        return x->target.operation == OP_GENERATE
                   ? 0
                   : edit_gemini_models(&x->arena, x->body, model, edits);
    *edits = arena_array(&x->arena, struct edit, 2);
    if (!slice_eq(model, x->asked_model))
        (*edits)[count++] =
            (struct edit){x->model_span.start, x->model_span.end, edit_string(&x->arena, model)};
    x->relay.withhold_usage = false;
    if (x->target.dialect == DIALECT_OPENAI_CHAT && x->stream && !x->asked_usage) {
        x->relay.withhold_usage = true;
        (*edits)[count++] = edit_include_usage(x->body, x->stream_options_span);
        if (count == 2 && (*edits)[0].start > (*edits)[1].start) {
            struct edit first = (*edits)[1];
            (*edits)[1] = (*edits)[0];
            (*edits)[0] = first;
        }
    }
    return count;
}

static void set_whole_body(struct exchange *x, struct attempt *at, size_t *len)
{
    *len = buf_len(&x->foreign_body);
    at->call.parts[1] = (struct iovec){.iov_base = x->foreign_body.data, .iov_len = *len};
    at->call.part_count = 2;
}

/*
 * The whole of it is written anew only where envelopes of another upstream's reasoning stand in
 * it: the conversation has moved here.
 */
static enum err set_native_body(struct exchange *x, struct attempt *at, size_t *len)
{
    struct edit *edits = NULL;
    size_t count;

    if (!envelope_in_body(at->dialect, x->body)) {
        count = plan_edits(x, at, &edits);
        at->call.part_count =
            1 + edit_apply(&x->arena, x->body, edits, count, at->call.parts + 1, len);
        return ERR_NONE;
    }
    buf_clear(&x->foreign_body);
    if (envelope_open_body(at->dialect, x->body,
                           at->dialect == DIALECT_GEMINI ? (struct slice){0} : at->candidate->model,
                           foreign_seal(x), &x->arena, &x->foreign_body, &at->err) != ERR_NONE)
        return at->err.code;
    set_whole_body(x, at, len);
    return ERR_NONE;
}

enum err request_build(struct exchange *x, struct attempt *at)
{
    size_t len;

    if (set_target(x, at) != ERR_NONE)
        return at->err.code;
    if (at->is_foreign)
        set_whole_body(x, at, &len);
    else if (set_native_body(x, at, &len) != ERR_NONE)
        return at->err.code;
    if (write_head(x, at, len) != ERR_NONE)
        return at->err.code;
    at->call.parts[0] = (struct iovec){.iov_base = at->head.data, .iov_len = buf_len(&at->head)};
    at->call.method = slice_str(at->route->method);
    return ERR_NONE;
}

void request_release(struct attempt *at)
{
    if (at->head.data)
        secret_wipe(at->head.data, at->head.end);
    buf_clear(&at->head);
}
