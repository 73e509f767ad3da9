/* remember.c - what a client's next turn may need: reasoning that it forgets, Responses' items. */
#include "exchange/remember.h"

#include "chat/replay.h"
#include "exchange/shelf.h"

#define THOUGHTS_TTL_MS ((int64_t)3600 * 1000)

void remember_event(struct exchange *x, const struct chat_event *ev)
{
    struct chat_memory *m = &x->relay.memory;

    chat_memory_hear(m, ev);
    if (x->relay.is_remembered || !chat_memory_ready(m))
        return;
    x->relay.is_remembered = true; // the client may have the call, and answer it, from now on
    shelf_put(x->gw->gateway->thoughts, x->key->user->id, buf_peek(&m->call_id),
              buf_peek(&m->bytes), THOUGHTS_TTL_MS, x->gw->worker->now_ms);
}

static bool look_up(void *ctx, struct arena *a, struct slice call_id, struct slice *bytes)
{
    struct exchange *x = ctx;

    return shelf_get(x->gw->gateway->thoughts, x->key->user->id, call_id, x->gw->worker->now_ms, a,
                     bytes);
}

void remember_fill(struct exchange *x, struct chat_request *request)
{
    chat_memory_fill(request, look_up, x);
}

/* ---- conversations of Responses ---- */

/* One namespace for both kinds of id. */
static struct slice shelf_id(struct exchange *x, const struct replay *r)
{
    if (r->conversation.len)
        return arena_printf(&x->arena, "conversation %.*s", SLICE_ARG(r->conversation));
    return arena_printf(&x->arena, "response %.*s", SLICE_ARG(r->previous));
}

static enum err not_kept(const struct replay *r, struct err_info *e)
{
    return err_set(
        e, ERR_BAD_REQUEST,
        "previous_response_id: there is no response \"%.*s\" of yours here any more; send "
        "the conversation's items as input",
        SLICE_ARG(slice_sub(r->previous, 0, 80)));
}

enum err remember_expand(struct exchange *x, struct slice *body, struct err_info *e)
{
    struct slice items = {0};
    struct buf expanded = {0};

    if (x->target.dialect != DIALECT_OPENAI_RESPONSES || !x->snapshot->limits.response_ttl_ms)
        return ERR_NONE;
    if (!x->replay) {
        x->replay = arena_new(&x->arena, struct replay);
        if (replay_read(x->body, &x->arena, x->replay, e) != ERR_NONE)
            return e->code;
    }
    if (!x->replay->previous.len && !x->replay->conversation.len)
        return ERR_NONE;
    if (!shelf_get(x->gw->gateway->responses, x->key->user->id, shelf_id(x, x->replay),
                   x->gw->worker->now_ms, &x->arena, &items) &&
        x->replay->previous.len)
        return not_kept(x->replay, e);
    if (replay_expand(x->body, items, &x->arena, &expanded, e) == ERR_NONE)
        *body = arena_dup(&x->arena, buf_peek(&expanded));
    buf_release(&expanded);
    x->expanded_body = *body;
    return e->code;
}

void remember_response(struct exchange *x, struct slice tail)
{
    struct slice body = x->expanded_body.len ? x->expanded_body : x->body, id;
    struct replay made = {0};
    struct buf items = {0};

    if (!x->replay || (!x->replay->keeps && !x->replay->conversation.len))
        return;
    if (replay_keep(body, replay_response(tail), &x->arena, &id, &items)) {
        made.previous = id;
        if (x->replay->keeps)
            shelf_put(x->gw->gateway->responses, x->key->user->id, shelf_id(x, &made),
                      buf_peek(&items), x->snapshot->limits.response_ttl_ms, x->gw->worker->now_ms);
        if (x->replay->conversation.len)
            shelf_put(x->gw->gateway->responses, x->key->user->id, shelf_id(x, x->replay),
                      buf_peek(&items), x->snapshot->limits.response_ttl_ms, x->gw->worker->now_ms);
    }
    buf_release(&items);
}
