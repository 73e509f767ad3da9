/* request.c - an upstream request: rebuilt from parsed parts, the body spliced, never re-written. */
#include "chat/envelope_body.h"
#include "exchange/attempt.h"
#include "exchange/edit.h"
#include "exchange/files.h"
#include "exchange/foreign.h"
#include "exchange/rules.h"
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

/* What it carries, and what it wants back. */
static void write_types(const struct exchange *x, const struct attempt *at, struct buf *out)
{
    struct slice accept = SLICE("application/json");

    if (at->operation != OP_FILES)
        buf_append(out, SLICE("content-type: application/json\r\n"));
    else if (x->target.act == FILE_UPLOAD && x->content_type.len)
        head_write_field(out, SLICE("content-type"), x->content_type);
    if (x->target.act == FILE_CONTENT)
        accept = SLICE("*/*");
    else if (at->framing == FRAMING_SSE)
        accept = SLICE("text/event-stream");
    buf_append(out, SLICE("accept-encoding: identity\r\n"));
    head_write_field(out, SLICE("accept"), accept);
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

/* The client's lines, but for those that rules decide about. */
static void write_forward(const struct attempt *at, struct slice lines, struct buf *out)
{
    struct slice ignored;

    if (!at->header_count) {
        buf_append(out, lines);
        return;
    }
    while (lines.len) {
        struct slice line = slice_cut(lines, '\n', &lines), rest;
        if (rules_header(at, slice_cut(line, ':', &rest), &ignored))
            continue;
        buf_append(out, line);
        buf_append_byte(out, '\n');
    }
}

static void write_fields(const struct exchange *x, const struct attempt *at, struct buf *out)
{
    const struct provider *p = at->candidate->provider;
    const struct channel *c = p->channel;
    struct buf neutral = {0};
    struct slice ignored;

    if (at->is_foreign)
        foreign_write_fields(x->forward, &neutral);
    write_forward(at, at->is_foreign ? buf_peek(&neutral) : x->forward, out);
    buf_release(&neutral);
    if (at->operation == OP_FILES)
        files_write_beta(c, at->dialect, x->forward, out);
    for (size_t i = 0; i < c->header_count; i++) {
        const struct channel_header *h = &c->headers[i];
        if (h->dialect == at->dialect && !rules_header(at, slice_str(h->name), &ignored) &&
            (at->is_foreign || !has_line(x->forward, slice_str(h->name))))
            head_write_field(out, slice_str(h->name), slice_str(h->value));
    }
    for (size_t i = 0; i < at->header_count; i++) {
        if (at->headers[i].value.ptr)
            head_write_field(out, at->headers[i].name, at->headers[i].value);
    }
    if (p->organization.len && at->route->auth == AUTH_BEARER)
        head_write_field(out, SLICE("openai-organization"), p->organization);
    if (p->project.len && at->route->auth == AUTH_BEARER)
        head_write_field(out, SLICE("openai-project"), p->project);
}

/*
 * The client's own goes on where its dialect does.  Google takes parameters there that make
 * another answer of it, without the figures that are billed (fields) or in no form that is
 * read here (alt, callback): of those only the one that says how it streams.
 */
static struct slice query_of(const struct exchange *x, const struct attempt *at)
{
    if (at->dialect == DIALECT_GEMINI)
        return at->framing == FRAMING_SSE ? SLICE("alt=sse") : SLICE("");
    return at->is_foreign ? SLICE("") : x->query;
}

static const char *method_of(const struct exchange *x, const struct attempt *at)
{
    return at->operation == OP_FILES ? files_method(x->target.act) : at->route->method;
}

static enum err write_head(struct exchange *x, struct attempt *at, size_t body_len)
{
    const struct provider *p = at->candidate->provider;
    struct buf *out = &at->head;

    buf_clear(out);
    buf_append_str(out, method_of(x, at));
    buf_append_byte(out, ' ');
    if (channel_path(at->route, p->base.path, at->candidate->model, at->action, x->stream,
                     query_of(x, at), out, &at->err) != ERR_NONE)
        return at->err.code;
    buf_append(out, SLICE(" HTTP/1.1\r\nhost: "));
    url_write_authority(&p->base, out);
    buf_append(out, SLICE("\r\n"));
    write_auth(out, at->route->auth, at->credential->api_key);
    write_types(x, at, out);
    buf_append(out, SLICE("user-agent: gproxy/"));
    buf_append_str(out, x->gw->gateway->version);
    buf_append(out, SLICE("\r\n"));
    write_fields(x, at, out);
    if (at->operation != OP_FILES || x->target.act == FILE_UPLOAD)
        buf_printf(out, "content-length: %zu\r\n", body_len);
    buf_append(out, SLICE("\r\n"));
    return ERR_NONE;
}

/* ---- the body ---- */

/* What gproxy itself changes: the model's name, and that Chat's streams tell their usage. */
static size_t plan_edits(struct exchange *x, struct attempt *at, struct edit **edits)
{
    struct slice model = at->candidate->model;
    struct slice said = json_span_slice(at->body, at->model_span);
    size_t count = 0;

    if (x->target.dialect == DIALECT_GEMINI)
        return x->target.operation == OP_GENERATE
                   ? 0
                   : edit_gemini_models(&x->arena, at->body, model, edits);
    *edits = arena_array(&x->arena, struct edit, 2);
    if (said.ptr && !json_string_eq(said, model))
        (*edits)[count++] =
            (struct edit){at->model_span.start, at->model_span.end, edit_string(&x->arena, model)};
    x->relay.withhold_usage = false;
    if (x->target.dialect == DIALECT_OPENAI_CHAT && x->stream && !x->asked_usage) {
        x->relay.withhold_usage = true;
        (*edits)[count++] = edit_include_usage(at->body, at->stream_options_span);
    }
    return count;
}

/* In the order of their places; of those at one place, in the order in which they came. */
static void sort_edits(struct edit *edits, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct edit e = edits[i];
        size_t j = i;
        for (; j && edits[j - 1].start > e.start; j--)
            edits[j] = edits[j - 1];
        edits[j] = e;
    }
}

/* Those of rules, which touch neither the model nor stream_options, and ours. */
static size_t join_edits(struct exchange *x, struct attempt *at, struct edit **edits, size_t count)
{
    const struct json_edit *more = json_splice_edits(at->splice);
    struct edit *all = arena_array(&x->arena, struct edit, at->splice->count + count);
    size_t used = 0;

    for (size_t i = 0; i < at->splice->count; i++)
        all[used++] = (struct edit){more[i].at, more[i].at + more[i].len, more[i].by};
    for (size_t i = 0; i < count; i++)
        all[used++] = (*edits)[i];
    *edits = all;
    return used;
}

static void set_whole_body(struct exchange *x, struct attempt *at, size_t *len)
{
    *len = buf_len(&x->foreign_body);
    at->call.parts[1] = (struct iovec){.iov_base = x->foreign_body.data, .iov_len = *len};
    at->call.part_count = 2;
}

static void set_upload(struct exchange *x, struct attempt *at, size_t *len)
{
    *len = x->target.act == FILE_UPLOAD ? x->body.len : 0;
    at->call.part_count = 1;
    if (*len) {
        at->call.parts[1] =
            (struct iovec){.iov_base = x->body_buf.data + x->body_buf.start, .iov_len = *len};
        at->call.part_count = 2;
    }
}

/* Not a byte of it is copied where little is changed. */
static void set_native_body(struct exchange *x, struct attempt *at, size_t *len)
{
    struct edit *edits = NULL;
    size_t count = plan_edits(x, at, &edits);

    if (at->splice)
        count = join_edits(x, at, &edits, count);
    sort_edits(edits, count);
    at->call.part_count =
        1 + edit_apply(&x->arena, at->body, edits, count, at->call.parts + 1, len);
}

/*
 * The whole of it is written anew only where envelopes of another upstream's reasoning stand in
 * it: the conversation has moved here.
 */
enum err request_native_body(struct exchange *x, struct attempt *at)
{
    if (at->operation == OP_FILES)
        return rules_outbound_headers(x, at);
    at->body = x->body;
    at->model_span = x->model_span;
    at->stream_options_span = x->stream_options_span;
    if (envelope_in_body(at->dialect, x->body)) {
        buf_clear(&x->foreign_body);
        if (envelope_open_body(at->dialect, x->body,
                               at->dialect == DIALECT_GEMINI ? (struct slice){0}
                                                             : at->candidate->model,
                               foreign_seal(x), &x->arena, &x->foreign_body, &at->err) != ERR_NONE)
            return at->err.code;
        at->body = buf_peek(&x->foreign_body);
        rules_find_spans(at);
    }
    return rules_outbound_native(x, at);
}

enum err request_build(struct exchange *x, struct attempt *at)
{
    size_t len;

    if (set_target(x, at) != ERR_NONE)
        return at->err.code;
    if (at->operation == OP_FILES)
        set_upload(x, at, &len);
    else if (at->is_foreign)
        set_whole_body(x, at, &len);
    else
        set_native_body(x, at, &len);
    if (write_head(x, at, len) != ERR_NONE)
        return at->err.code;
    at->call.parts[0] = (struct iovec){.iov_base = at->head.data, .iov_len = buf_len(&at->head)};
    at->call.method = slice_str(method_of(x, at));
    return ERR_NONE;
}

void request_release(struct attempt *at)
{
    if (at->head.data)
        secret_wipe(at->head.data, at->head.end);
    buf_clear(&at->head);
}
