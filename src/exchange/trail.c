/* trail.c - what the request log is told of an exchange and of its attempts. */
#include "exchange/trail.h"

#include "exchange/exchange.h"
#include "wire/url.h"

static const struct request_log_settings *settings_of(const struct exchange *x)
{
    return &x->snapshot->limits.log;
}

static size_t body_limit(const struct exchange *x, enum log_detail detail)
{
    return detail == LOG_DETAIL_BODIES ? (size_t)settings_of(x)->max_body_bytes : 0;
}

static struct slice words_of(struct request_log_entry *entry, const char *text)
{
    return request_log_text(entry, slice_str(text));
}

static int64_t since(int64_t began_at_ms, int64_t at_ms)
{
    return at_ms ? at_ms - began_at_ms : -1;
}

static struct slice lines_of(struct exchange *x, struct request_log_entry *entry,
                             const struct head *head)
{
    struct buf *lines = &x->gw->scratch;

    buf_clear(lines);
    for (size_t i = 0; i < head->count; i++)
        head_write_field(lines, head->fields[i].name, head->fields[i].value);
    return request_log_lines(entry, buf_peek(lines));
}

/* ---- the exchange ---- */

static void on_start(void *ctx, int status, struct slice fields)
{
    struct exchange *x = ctx;

    x->trail.exchange->row.status = status;
    x->trail.exchange->row.response_head = request_log_lines(x->trail.exchange, fields);
}

static void on_bytes(void *ctx, struct slice bytes)
{
    struct exchange *x = ctx;
    size_t limit = body_limit(x, settings_of(x)->downstream);

    x->trail.exchange->row.response_bytes += (int64_t)bytes.len;
    if (limit)
        request_log_body(x->trail.exchange, REQUEST_LOG_RESPONSE, bytes, limit);
}

static void note_head(struct exchange *x, struct request_log_entry *entry, const struct head *head)
{
    struct buf *target = &x->gw->scratch;

    entry->row.method = request_log_text(entry, head->method);
    entry->row.request_head = lines_of(x, entry, head);
    buf_clear(target);
    buf_append(target, head->path);
    if (head->query.len) {
        buf_append_byte(target, '?');
        buf_append(target, head->query);
    }
    entry->row.target = request_log_target(entry, buf_peek(target));
}

void trail_begin(struct exchange *x, const struct head *head, struct slice key)
{
    struct request_log *log = x->gw->gateway->request_log;
    const struct request_log_settings *settings = settings_of(x);
    struct request_log_entry *entry;

    if (!log || (settings->downstream == LOG_DETAIL_OFF && settings->upstream == LOG_DETAIL_OFF))
        return;
    entry = request_log_entry_new(log, x->id);
    if (!entry)
        return;
    x->trail.exchange = entry;
    entry->row.started_unix_ms = x->began_unix_ms;
    request_log_own(entry, secret_of(key));
    if (settings->downstream == LOG_DETAIL_OFF)
        return;
    entry->row.peer = request_log_text(entry, http_request_peer(x->request));
    if (head)
        note_head(x, entry, head);
    x->trail.tap = (struct http_response_tap){on_start, on_bytes, x};
    x->request->tap = &x->trail.tap;
}

/* Who asked for what; what both kinds of entries say. */
static void note_names(struct exchange *x, struct request_log_entry *entry)
{
    struct request_log_row *row = &entry->row;
    const struct candidate *c = x->attempt.candidate;

    if (!c && x->route && x->route->count)
        c = &x->route->candidates[0];
    if (x->key) {
        row->user_id = x->key->user->id;
        row->user = request_log_text(entry, x->key->user->name);
        row->key_id = x->key->id;
        row->key = request_log_text(entry, x->key->label);
    }
    if (c)
        row->provider = request_log_text(entry, c->provider->name);
    if (x->attempt.credential)
        row->credential_id = x->attempt.credential->id;
    row->stream = x->stream;
}

static void note_failure(struct request_log_entry *entry, const struct err_info *e)
{
    if (!e->code)
        return;
    entry->row.err = words_of(entry, err_name(e->code));
    entry->row.why = words_of(entry, err_info_text(e));
}

/* Those of the ledger are of what was sent; what was refused before that has no record there. */
static const char *outcome_of(const struct exchange *x)
{
    bool refused = !x->attempts && x->outcome == OUTCOME_UPSTREAM_ERROR;

    return refused ? "refused" : outcome_name(x->outcome);
}

static void note_end(struct exchange *x, struct request_log_entry *entry)
{
    struct request_log_row *row = &entry->row;
    int64_t began = x->began_at_ms;

    note_names(x, entry);
    note_failure(entry, &x->err);
    row->status = x->http_status;
    row->attempts = x->attempts;
    row->dialect = words_of(entry, dialect_name(x->target.dialect));
    row->operation = words_of(entry, operation_name(x->target.operation));
    row->outcome = words_of(entry, outcome_of(x));
    row->model = request_log_text(entry, x->asked_model);
    row->queue_ms = since(began, x->trail.first_attempt_at_ms);
    row->connect_ms = since(began, x->connected_at_ms);
    row->first_byte_ms = since(began, x->first_byte_at_ms);
    row->total_ms = x->gw->worker->now_ms - began;
}

void trail_end(struct exchange *x)
{
    struct request_log_entry *entry = x->trail.exchange;
    const struct request_log_settings *settings;
    size_t limit;

    if (!entry)
        return;
    settings = settings_of(x);
    trail_attempt_end(x);
    x->trail.exchange = NULL;
    if (settings->downstream == LOG_DETAIL_OFF && !x->trail.attempts) {
        request_log_entry_free(entry); // there is nothing that it would lead to
        return;
    }
    note_end(x, entry);
    entry->row.request_bytes = (int64_t)buf_len(&x->body_buf);
    limit = body_limit(x, settings->downstream);
    if (limit)
        request_log_body(entry, REQUEST_LOG_REQUEST, buf_peek(&x->body_buf), limit);
    request_log_add(entry);
}

/* ---- attempts ---- */

static void on_answer_bytes(void *ctx, struct slice bytes)
{
    struct exchange *x = ctx;

    if (x->trail.attempt)
        request_log_body(x->trail.attempt, REQUEST_LOG_RESPONSE, bytes,
                         body_limit(x, settings_of(x)->upstream));
}

void trail_attempt_begin(struct exchange *x)
{
    struct attempt *at = &x->attempt;
    struct request_log_entry *entry;

    if (!x->trail.exchange)
        return;
    x->trail.attempt_began_at_ms = x->gw->worker->now_ms;
    if (!x->trail.first_attempt_at_ms)
        x->trail.first_attempt_at_ms = x->gw->worker->now_ms;
    request_log_own(x->trail.exchange, at->credential->api_key);
    if (settings_of(x)->upstream == LOG_DETAIL_OFF)
        return;
    entry = request_log_entry_new(x->gw->gateway->request_log, x->id);
    if (!entry)
        return;
    request_log_own(entry, at->credential->api_key);
    for (size_t i = 0; i < x->trail.exchange->own_count; i++)
        request_log_own(entry, x->trail.exchange->own[i]);
    x->trail.attempts++;
    x->trail.attempt = entry;
    entry->row.number = x->attempts;
    entry->row.started_unix_ms = x->gw->worker->now_unix_ms;
    entry->row.first_byte_ms = -1;
}

void trail_attempt_head(struct exchange *x, const struct head *head)
{
    struct request_log_entry *entry = x->trail.attempt;
    struct http_body *body = &x->attempt.call.body;

    if (!entry)
        return;
    entry->row.first_byte_ms = x->gw->worker->now_ms - x->trail.attempt_began_at_ms;
    entry->row.response_head = lines_of(x, entry, head);
    if (!body_limit(x, settings_of(x)->upstream))
        return;
    body->tap = on_answer_bytes;
    body->tap_ctx = x;
}

/* The head's first line says method and target; its host is the provider's. */
static void note_request(struct exchange *x, struct request_log_entry *entry)
{
    const struct provider *p = x->attempt.candidate->provider;
    const struct http_call *call = &x->attempt.call;
    struct slice head = buf_peek(&x->attempt.head), rest, line;
    struct buf *url = &x->gw->scratch;

    if (!call->part_count)
        return;
    line = slice_cut(head, '\n', &rest);
    entry->row.method = request_log_text(entry, slice_cut(line, ' ', &line));
    buf_clear(url);
    buf_append(url, p->base.is_tls ? SLICE("https://") : SLICE("http://"));
    url_write_authority(&p->base, url);
    buf_append(url, slice_cut(line, ' ', &line));
    entry->row.target = request_log_target(entry, buf_peek(url));
    entry->row.request_head = request_log_lines(entry, rest);
    for (int i = 1; i < call->part_count; i++) {
        struct slice part = slice_of(call->parts[i].iov_base, call->parts[i].iov_len);
        entry->row.request_bytes += (int64_t)part.len;
        if (body_limit(x, settings_of(x)->upstream))
            request_log_body(entry, REQUEST_LOG_REQUEST, part,
                             body_limit(x, settings_of(x)->upstream));
    }
}

void trail_attempt_end(struct exchange *x)
{
    struct request_log_entry *entry = x->trail.attempt;
    struct attempt *at = &x->attempt;

    if (!entry)
        return;
    x->trail.attempt = NULL;
    note_names(x, entry);
    note_request(x, entry);
    note_failure(entry, at->err.code ? &at->err : &x->err);
    entry->row.dialect = words_of(entry, dialect_name(at->dialect));
    entry->row.operation = words_of(entry, operation_name(at->operation));
    entry->row.model = request_log_text(entry, at->candidate->model);
    entry->row.status = at->call.status;
    entry->row.response_bytes = (int64_t)at->call.body.received;
    entry->row.queue_ms = -1;
    entry->row.connect_ms = since(x->trail.attempt_began_at_ms, at->call.connected_at_ms);
    entry->row.total_ms = x->gw->worker->now_ms - x->trail.attempt_began_at_ms;
    request_log_add(entry);
}
