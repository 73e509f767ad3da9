/* resolve.c - the body and the model name: who may answer, and what must be changed on the way. */
#include <stddef.h>

#include "base/array.h"
#include "base/control.h"
#include "chat/usage_read.h"
#include "exchange/files.h"
#include "exchange/rules.h"
#include "exchange/stages.h"
#include "exchange/veto.h"
#include "json/scan.h"

/* ---- gathering the body ---- */

/* Counts `bytes` against the process's budget for bodies in flight; false when it is used up. */
static bool charge(struct exchange *x, int64_t bytes)
{
    struct gateway *g = x->gw->gateway;
    int64_t limit = x->snapshot->limits.max_inflight_body_bytes, before;

    before = atomic_fetch_add_explicit(&g->inflight_body_bytes, bytes, memory_order_relaxed);
    x->body_charged += bytes;
    return before + bytes <= limit;
}

static enum verdict too_large(struct exchange *x)
{
    return exchange_fail(x, ERR_TOO_LARGE, "the request body is over %lld bytes",
                         (long long)x->snapshot->limits.max_body_bytes);
}

enum verdict resolve_gather(struct exchange *x)
{
    struct http_body *b = &x->request->body;
    int64_t limit = x->snapshot->limits.max_body_bytes;
    struct slice bytes;

    if (x->content_length > limit)
        return too_large(x);
    if (!x->body_charged && !charge(x, x->content_length > 0 ? x->content_length : 1))
        return exchange_fail(x, ERR_OVERLOADED, "too many large requests are in flight, try again");
    while ((bytes = http_body_peek(b)).len) {
        if ((int64_t)(buf_len(&x->body_buf) + bytes.len) > limit)
            return too_large(x);
        if (x->content_length < 0 && !charge(x, (int64_t)bytes.len))
            return exchange_fail(x, ERR_OVERLOADED,
                                 "too many large requests are in flight, try again");
        if (!x->body_buf.data && x->content_length > 0)
            buf_reserve(&x->body_buf, (size_t)x->content_length);
        buf_append(&x->body_buf, bytes);
        http_body_consume(b, bytes.len);
    }
    if (http_body_broken(b))
        return exchange_fail(x, ERR_BAD_REQUEST, "the request body is cut off or wrongly chunked");
    if (!http_body_ended(b)) {
        http_request_want_body(x->request);
        x->waiting_for = "request body";
        return STAGE_WAIT;
    }
    x->body = buf_peek(&x->body_buf);
    return STAGE_NEXT;
}

/* ---- reading what matters in it ---- */

enum {
    WANT_MODEL,
    WANT_STREAM,
    WANT_STREAM_OPTIONS,
    WANT_MESSAGES,
    WANT_INPUT,
    WANT_CONTENTS,
    WANT_TOOLS,
    WANT_EFFORT,
    WANT_BACKGROUND,
    WANT_MODELS,
    WANT_FALLBACKS,
    WANT_SPEED,
    WANT_TIER,
    WANT_TIER_CAMEL
};

/* Two of these would let policy and upstream disagree about the request (hardening.md T12). */
static const struct json_want wants[] = {
    [WANT_MODEL] = {SLICE_INIT("model"),            true },
    [WANT_STREAM] = {SLICE_INIT("stream"),           true },
    [WANT_STREAM_OPTIONS] = {SLICE_INIT("stream_options"),   true },
    [WANT_MESSAGES] = {SLICE_INIT("messages"),         true },
    [WANT_INPUT] = {SLICE_INIT("input"),            true },
    [WANT_CONTENTS] = {SLICE_INIT("contents"),         true },
    [WANT_TOOLS] = {SLICE_INIT("tools"),            true },
    [WANT_EFFORT] = {SLICE_INIT("reasoning_effort"), false},
    [WANT_BACKGROUND] = {SLICE_INIT("background"),       true },
    [WANT_MODELS] = {SLICE_INIT("models"),           true },
    [WANT_FALLBACKS] = {SLICE_INIT("fallbacks"),        true },
    [WANT_SPEED] = {SLICE_INIT("speed"),            true },
    [WANT_TIER] = {SLICE_INIT("service_tier"),     true },
    [WANT_TIER_CAMEL] = {SLICE_INIT("serviceTier"),      true },
};

#define WANT_COUNT (sizeof(wants) / sizeof(wants[0]))

static bool usage_is_asked(struct slice stream_options)
{
    struct slice value;
    return stream_options.ptr &&
           json_get(stream_options, SLICE("include_usage"), &value) == ERR_NONE &&
           json_is_true(value);
}

/*
 * Blanks around it or around a slash, or control characters: for an upstream that drops them it
 * is another name.
 */
static bool is_plain_name(struct slice name)
{
    char before = '/';

    for (; name.len; name = slice_after(name, 1)) {
        char c = name.ptr[0], next = name.len > 1 ? name.ptr[1] : '/';
        if (control_len(name) || (c == ' ' && (before == '/' || next == '/')))
            return false;
        before = c;
    }
    return true;
}

static bool read_name(struct exchange *x, struct slice literal)
{
    struct buf decoded = {0};
    struct slice plain;

    if (json_string_plain(literal, &plain)) {
        x->asked_model = plain;
        return plain.len > 0;
    }
    if (!json_string_decode(literal, &decoded))
        return false;
    x->asked_model = arena_dup(&x->arena, buf_peek(&decoded));
    buf_release(&decoded);
    return x->asked_model.len > 0;
}

/* A word with escapes in it is one that is not to be read: it is taken for the dearest. */
static enum service_tier dearer_tier(struct slice value)
{
    enum service_tier tier = SERVICE_STANDARD;
    struct slice plain;

    if (json_is_string(value) && !json_string_plain(value, &plain))
        return SERVICE_FAST;
    usage_read_tier(value, &tier);
    return tier == SERVICE_PRIORITY || tier == SERVICE_FAST ? tier : SERVICE_STANDARD;
}

static void read_tier(struct exchange *x, const struct json_span *spans)
{
    static const int wanted[] = {WANT_SPEED, WANT_TIER, WANT_TIER_CAMEL};

    x->asked_tier = SERVICE_STANDARD;
    for (size_t i = 0; i < ARRAY_LEN(wanted) && x->asked_tier == SERVICE_STANDARD; i++)
        x->asked_tier = dearer_tier(json_span_slice(x->body, spans[wanted[i]]));
}

static enum err check_veto(struct exchange *x, const struct json_span *spans)
{
    const struct veto_members members = {
        .background = json_span_slice(x->body, spans[WANT_BACKGROUND]),
        .models = json_span_slice(x->body, spans[WANT_MODELS]),
        .fallbacks = json_span_slice(x->body, spans[WANT_FALLBACKS]),
        .tools = json_span_slice(x->body, spans[WANT_TOOLS]),
    };

    return veto_check(x->target.dialect, &members, &x->err);
}

/* All but the model, whose value is `*model`: a literal, or a NULL pointer. */
static enum verdict read_fields(struct exchange *x, struct slice *model)
{
    struct json_span spans[WANT_COUNT];
    struct slice first = slice_trim(x->body);
    struct slice value;

    if (json_scan(x->body, wants, WANT_COUNT, spans, &x->err) != ERR_NONE)
        return STAGE_FAIL;
    while (first.len && (first.ptr[0] == '\n' || first.ptr[0] == '\r' || first.ptr[0] == ' ' ||
                         first.ptr[0] == '\t'))
        first = slice_after(first, 1);
    if (!first.len || first.ptr[0] != '{')
        return exchange_fail(x, ERR_BAD_REQUEST, "the request body must be a JSON object");
    value = json_span_slice(x->body, spans[WANT_STREAM]);
    if (value.ptr && x->target.dialect != DIALECT_GEMINI) {
        if (!json_is_true(value) && !json_is_false(value) && !json_is_null(value))
            return exchange_fail(x, ERR_BAD_REQUEST, "stream: expected true or false");
        x->stream = json_is_true(value) &&
                    (x->target.operation == OP_GENERATE || x->target.operation == OP_IMAGE);
        x->framing = x->stream ? FRAMING_SSE : FRAMING_BODY;
    }
    if (check_veto(x, spans) != ERR_NONE)
        return STAGE_FAIL;
    read_tier(x, spans);
    x->stream_options_span = spans[WANT_STREAM_OPTIONS];
    value = json_span_slice(x->body, x->stream_options_span);
    if (value.ptr && !json_is_object(value) && !json_is_null(value))
        return exchange_fail(x, ERR_BAD_REQUEST, "stream_options: expected an object");
    x->asked_usage = usage_is_asked(value);
    x->has_tools = json_span_slice(x->body, spans[WANT_TOOLS]).len > 2;
    x->effort_is_none = json_string_eq(json_span_slice(x->body, spans[WANT_EFFORT]), SLICE("none"));
    x->model_span = spans[WANT_MODEL];
    *model = json_span_slice(x->body, x->model_span);
    return STAGE_NEXT;
}

static enum verdict read_body(struct exchange *x)
{
    struct slice model;
    enum verdict v = read_fields(x, &model);

    if (v != STAGE_NEXT)
        return v;
    if (x->target.model.len) {
        x->asked_model = x->target.model;
        if (slice_starts(x->asked_model, SLICE("models/")))
            x->asked_model = slice_after(x->asked_model, 7);
    } else if (!model.ptr) {
        return exchange_fail(x, ERR_BAD_REQUEST,
                             "model: missing; name a model, an alias or provider/model");
    } else if (!read_name(x, model)) {
        return exchange_fail(x, ERR_BAD_REQUEST, "model: expected a string that is not empty");
    }
    if (!is_plain_name(x->asked_model))
        return exchange_fail(x, ERR_BAD_REQUEST,
                             "model: has blanks around it, or control characters");
    x->model = x->asked_model;
    return STAGE_NEXT;
}

/* ---- rules for the client's words ---- */

/* What rules have changed is read anew; the name that the client sent stays what it was. */
static enum verdict apply_rules(struct exchange *x, const struct rule_list *list,
                                struct ruled *ruled)
{
    const char *before = x->body.ptr;
    struct slice ignored;

    if (rules_inbound(x, list, ruled, &x->model) != ERR_NONE)
        return STAGE_FAIL;
    return x->body.ptr == before ? STAGE_NEXT : read_fields(x, &ignored);
}

/* ---- who may answer ---- */

/* Keeps the candidates that can be asked, natively, translated or here. */
static enum verdict keep_able(struct exchange *x)
{
    struct route *r = x->route;
    size_t kept = 0;

    for (size_t i = 0; i < r->count; i++) {
        const struct routing *able = &r->candidates[i].provider->routing;
        if (able->cells[x->target.operation][x->target.dialect].kind != CELL_UNSUPPORTED)
            r->candidates[kept++] = r->candidates[i];
    }
    if (!kept) {
        const struct provider *p = r->candidates[0].provider;
        return exchange_fail(x, ERR_UNSUPPORTED,
                             "provider \"%.*s\" (%s) can do no %s for clients of %s",
                             SLICE_ARG(p->name), p->channel->name,
                             operation_name(x->target.operation), dialect_name(x->target.dialect));
    }
    r->count = kept;
    return STAGE_NEXT;
}

/* Most routes have one candidate: only those that there are are kept. */
static void keep_route(struct exchange *x, const struct route *route)
{
    size_t used = offsetof(struct route, candidates) + route->count * sizeof(route->candidates[0]);

    x->route = arena_alloc_raw(&x->arena, used, _Alignof(struct route));
    memcpy(x->route, route, used);
}

enum verdict stage_resolve(struct exchange *x)
{
    struct route route;
    enum verdict v;

    if (x->is_options)
        return STAGE_NEXT;
    if (x->target.operation == OP_LIST_MODELS || x->target.operation == OP_GET_MODEL)
        return models_answer(x);
    if (x->target.operation == OP_FILES)
        return files_resolve(x);
    v = x->body.ptr ? STAGE_NEXT : resolve_gather(x);
    if (v != STAGE_NEXT)
        return v;
    v = read_body(x);
    if (v == STAGE_NEXT)
        v = apply_rules(x, x->snapshot->rules, &x->inbound);
    if (v != STAGE_NEXT)
        return v;
    if (route_resolve(x->snapshot, x->key, x->scope, x->asked_model, x->model, &route, &x->err) !=
        ERR_NONE)
        return STAGE_FAIL;
    keep_route(x, &route);
    v = keep_able(x);
    if (v == STAGE_NEXT && x->route->alias)
        v = apply_rules(x, x->route->alias->rules, &x->variant);
    return v;
}
