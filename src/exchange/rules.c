/* rules.c - what operators' rules make of a request, on its way in and on its way out. */
#include "exchange/rules.h"

#include "base/log.h"
#include "json/scan.h"

static struct rule_matches find(struct exchange *x, enum rule_phase phase, enum dialect upstream,
                                const struct rule_list *const lists[3])
{
    struct rule_request request = {
        .phase = phase,
        .operation = x->target.operation,
        .client = x->target.dialect,
        .upstream = upstream,
        .model = x->asked_model,
        .user = x->key->user->name,
    };

    return rules_find(lists, &request, &x->arena);
}

/* Rules that could not do what they say are worth a line: nobody else will see it. */
static void note(const struct exchange *x, struct ruled *out, const struct rule_result *r)
{
    out->outcomes = r->outcomes;
    out->count = r->outcome_count;
    for (size_t i = 0; i < r->outcome_count; i++) {
        if (r->outcomes[i].why)
            log_event(LOG_DEBUG, x->id, "rule.skipped", "rule=%lld why=\"%s\"",
                      r->outcomes[i].rule ? (long long)rule_id(r->outcomes[i].rule) : 0LL,
                      r->outcomes[i].why);
    }
}

/* ---- inbound ---- */

enum err rules_inbound(struct exchange *x, const struct rule_list *list, struct ruled *ruled,
                       struct slice *model)
{
    const struct rule_list *const lists[3] = {list, NULL, NULL};
    struct rule_matches m;
    struct json_splice splice;
    struct rule_result r = {0};
    struct buf changed = {0};

    if (!list)
        return ERR_NONE;
    m = find(x, RULE_INBOUND, x->target.dialect, lists);
    if (!m.count)
        return ERR_NONE;
    json_splice_init(&splice, &x->arena, x->body);
    if (rules_apply(&m, x->target.dialect, x->target.operation, x->body, &splice, &x->arena, &r,
                    &x->err) != ERR_NONE)
        return x->err.code;
    note(x, ruled, &r);
    if (r.model.ptr)
        *model = arena_dup(&x->arena, r.model);
    if (!r.changed)
        return ERR_NONE;
    x->asked_model = arena_dup(&x->arena, x->asked_model); // it may stand in the body that goes
    if (!r.model.ptr)
        *model = arena_dup(&x->arena, *model);
    buf_reserve(&changed, json_splice_len(&splice));
    json_splice_to_buf(&splice, &changed);
    buf_release(&x->body_buf);
    x->body_buf = changed;
    x->body = buf_peek(&x->body_buf);
    return ERR_NONE;
}

/* ---- outbound ---- */

static bool apply(struct exchange *x, struct attempt *at, struct slice body,
                  struct json_splice *splice, struct rule_result *r)
{
    const struct provider *p = at->candidate->provider;
    const struct alias *alias = x->route->alias;
    const struct rule_list *const lists[3] = {x->snapshot->rules, p->rules,
                                              alias ? alias->rules : NULL};
    struct rule_matches m = {0};

    if (lists[0] || lists[1] || lists[2])
        m = find(x, RULE_OUTBOUND, at->dialect, lists);
    m.magic_strings = p->magic_strings && at->dialect == DIALECT_ANTHROPIC;
    if (!m.count && !m.magic_strings)
        return false;
    json_splice_init(splice, &x->arena, body);
    if (rules_apply(&m, at->dialect, at->operation, body, splice, &x->arena, r, &at->err) !=
        ERR_NONE)
        return false;
    note(x, &at->ruled, r);
    at->headers = r->headers;
    at->header_count = r->header_count;
    return r->changed;
}

void rules_find_spans(struct attempt *at)
{
    static const struct json_want wants[] = {
        {SLICE_INIT("model"),          false},
        {SLICE_INIT("stream_options"), false},
    };
    struct json_span spans[2] = {
        {0, 0},
        {0, 0}
    };
    struct err_info ignored = {0};

    json_scan(at->body, wants, 2, spans, &ignored); // it is what gproxy itself has written
    at->model_span = spans[0];
    at->stream_options_span = spans[1];
}

/* gproxy sees to Chat's usage itself: that edit and a rule's must not meet. */
static bool touches_stream_options(const struct attempt *at, const struct json_splice *splice)
{
    const struct json_edit *edits = json_splice_edits(splice);
    struct json_span span = at->stream_options_span;

    for (size_t i = 0; i < splice->count; i++) {
        if (slice_eq(edits[i].key, SLICE("stream_options")))
            return true;
        if (span.end && edits[i].at + edits[i].len >= span.start && edits[i].at <= span.end)
            return true;
    }
    return false;
}

enum err rules_outbound_native(struct exchange *x, struct attempt *at)
{
    struct json_splice *splice = arena_new(&x->arena, struct json_splice);
    struct rule_result r = {0};
    struct buf whole = {0};

    if (!apply(x, at, at->body, splice, &r))
        return at->err.code;
    if (r.body.ptr) {
        at->body = r.body;
        rules_find_spans(at);
    }
    if (!splice->count)
        return ERR_NONE;
    if (!touches_stream_options(at, splice)) {
        at->splice = splice;
        return ERR_NONE;
    }
    json_splice_to_buf(splice, &whole);
    at->body = arena_dup(&x->arena, buf_peek(&whole));
    buf_release(&whole);
    rules_find_spans(at);
    return ERR_NONE;
}

enum err rules_outbound_headers(struct exchange *x, struct attempt *at)
{
    struct json_splice ignored;
    struct rule_result r = {0};

    apply(x, at, SLICE("{}"), &ignored, &r);
    return at->err.code;
}

enum err rules_outbound_foreign(struct exchange *x, struct attempt *at)
{
    struct json_splice splice;
    struct rule_result r = {0};
    struct buf changed = {0};

    if (!apply(x, at, buf_peek(&x->foreign_body), &splice, &r))
        return at->err.code;
    json_splice_to_buf(&splice, &changed);
    buf_release(&x->foreign_body);
    x->foreign_body = changed;
    return ERR_NONE;
}

bool rules_header(const struct attempt *at, struct slice name, struct slice *value)
{
    for (size_t i = 0; i < at->header_count; i++) {
        if (slice_eq_nocase(at->headers[i].name, name)) {
            *value = at->headers[i].value;
            return true;
        }
    }
    return false;
}
