/* foreign.c - requests that go upstream in another dialect than the client's. */
#include "exchange/foreign.h"

#include "base/log.h"
#include "exchange/remember.h"

#define DROPPED_MAX_BYTES 1024 // of the header value
#define GROWTH_BYTES      2048 // that another dialect may need more, mostly

/* Those of declared models stand ready. */
const struct chat_model *foreign_model(const struct candidate *c, enum dialect upstream)
{
    return c->row ? c->row->gates[upstream] : chat_model_find(upstream, c->model);
}

struct cell foreign_cell(const struct exchange *x, const struct candidate *c)
{
    const struct provider *p = c->provider;
    struct cell cell = p->routing.cells[x->target.operation][x->target.dialect];
    const struct chat_model *model;

    if (x->target.operation != OP_GENERATE || cell.to != DIALECT_OPENAI_CHAT ||
        p->channel->host != HOST_VENDOR || cell.kind == CELL_UNSUPPORTED ||
        p->routing.cells[OP_GENERATE][DIALECT_OPENAI_RESPONSES].kind != CELL_PASSTHROUGH)
        return cell;
    model = foreign_model(c, DIALECT_OPENAI_CHAT);
    if (chat_model_has(model, TRAIT_RESPONSES_ONLY) ||
        (chat_model_has(model, TRAIT_RESPONSES_TOOLS) && x->has_tools && !x->effort_is_none))
        return (struct cell){CELL_TRANSFORM, DIALECT_OPENAI_RESPONSES};
    return cell;
}

const struct chat_seal *foreign_seal(struct exchange *x)
{
    struct buf *tenant = &x->gw->scratch;
    struct chat_seal *seal;

    if (!x->seal) {
        buf_clear(tenant);
        buf_append_i64(tenant, x->key->user->id);
        seal = arena_new(&x->arena, struct chat_seal);
        *seal = (struct chat_seal){.hasher = x->gw->gateway->envelope_hasher,
                                   .tenant = arena_dup(&x->arena, buf_peek(tenant))};
        x->seal = seal;
    }
    return x->seal;
}

/* What a header may hold of a field's name. */
static void append_name(struct buf *out, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        buf_append_byte(out, c > ' ' && c <= '~' && c != ',' ? c : '_');
    }
}

void foreign_note(struct exchange *x, const struct chat_request *r)
{
    struct buf *list = &x->gw->scratch;

    buf_clear(list);
    list_for_each(at, &r->notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        if (buf_len(list) + n->field.len + 1 > DROPPED_MAX_BYTES)
            break;
        if (n->degraded)
            continue;
        if (buf_len(list))
            buf_append_byte(list, ',');
        append_name(list, n->field);
    }
    x->dropped = (struct slice){0};
    if (buf_len(list))
        x->dropped = arena_dup(&x->arena, buf_peek(list));
    list_for_each(at, &r->notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        log_event(LOG_DEBUG, x->id, "translate.note", "field=\"%.*s\" what=%s",
                  SLICE_ARG(slice_sub(n->field, 0, 100)), n->degraded ? "degraded" : "dropped");
    }
}

enum err foreign_read(struct exchange *x, struct chat_request *out, struct err_info *e)
{
    const struct chat_seal *seal = foreign_seal(x);
    struct slice body = x->body;

    if (remember_expand(x, &body, e) != ERR_NONE ||
        translate_read(x->target.dialect, body, seal, &x->arena, out, e) != ERR_NONE)
        return e->code;
    remember_fill(x, out);
    return ERR_NONE;
}

struct chat_target foreign_target(const struct exchange *x, const struct attempt *at)
{
    const struct provider *p = at->candidate->provider;

    return (struct chat_target){
        .dialect = at->dialect,
        .host = p->channel->host,
        .model = at->candidate->model,
        .gates = foreign_model(at->candidate, at->dialect),
        .stream = x->stream,
        .strict = p->strict_translation || (x->route->alias && x->route->alias->strict),
        .auto_cache = p->auto_cache,
        .drop_reasoning = x->drop_reasoning,
        .counting = x->target.operation == OP_COUNT_TOKENS,
    };
}

enum err foreign_build(struct exchange *x, struct attempt *at)
{
    struct chat_target target = foreign_target(x, at);

    at->asked = arena_new(&x->arena, struct chat_request);
    buf_clear(&x->foreign_body);
    buf_reserve(&x->foreign_body, x->body.len + GROWTH_BYTES);
    if (foreign_read(x, at->asked, &at->err))
        return at->err.code;
    if (translate_write(at->asked, &target, &x->foreign_body, &at->err))
        return at->err.code;
    foreign_note(x, at->asked);
    return ERR_NONE;
}

void foreign_write_fields(struct slice forward, struct buf *out)
{
    static const struct slice neutral[] = {SLICE_INIT("traceparent:"), SLICE_INIT("tracestate:"),
                                           SLICE_INIT("idempotency-key:"),
                                           SLICE_INIT("x-client-request-id:")};
    struct slice rest = forward;

    while (rest.len) {
        struct slice line = slice_cut(rest, '\n', &rest);
        for (size_t i = 0; i < sizeof(neutral) / sizeof(neutral[0]); i++) {
            if (!slice_starts_nocase(line, neutral[i]))
                continue;
            buf_append(out, line);
            buf_append_byte(out, '\n');
            break;
        }
    }
}

/* mapping.md 2.9: what the vendors say of secrets that they do not know. */
bool foreign_reasoning_refused(const struct attempt *at, struct slice body)
{
    static const struct slice signs[] = {SLICE_INIT("invalid_encrypted_content"),
                                         SLICE_INIT("encrypted_content"),
                                         SLICE_INIT("thought_signature"),
                                         SLICE_INIT("thoughtSignature"),
                                         SLICE_INIT("signature"),
                                         SLICE_INIT("thinking")};

    if (at->call.status != 400 || !at->asked || list_is_empty(&at->asked->turns))
        return false;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (slice_find_slice(body, signs[i]) != SIZE_MAX)
            return true;
    }
    return false;
}
