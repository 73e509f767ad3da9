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

/* One namespace for all kinds of id. */
static struct slice shelf_id(struct exchange *x, const struct replay *r)
{
    if (r->conversation.len)
        return arena_printf(&x->arena, "conversation %.*s", SLICE_ARG(r->conversation));
    return arena_printf(&x->arena, "response %.*s", SLICE_ARG(r->previous));
}

static struct slice item_shelf_id(struct exchange *x, struct slice id)
{
    return arena_printf(&x->arena, "item %.*s", SLICE_ARG(id));
}

static bool find_item(void *ctx, struct arena *a, struct slice id, struct slice *item)
{
    struct exchange *x = ctx;

    return shelf_get(x->gw->gateway->responses, x->key->user->id, item_shelf_id(x, id),
                     x->gw->worker->now_ms, a, item);
}

static void keep_item(void *ctx, struct slice id, struct slice item)
{
    struct exchange *x = ctx;

    shelf_put(x->gw->gateway->responses, x->key->user->id, item_shelf_id(x, id), item,
              x->snapshot->limits.response_ttl_ms, x->gw->worker->now_ms);
}

static enum err not_kept(const struct replay *r, struct err_info *e)
{
    return err_set(
        e, ERR_BAD_REQUEST,
        "previous_response_id: there is no response \"%.*s\" of yours here any more; send "
        "the conversation's items as input",
        SLICE_ARG(slice_sub(r->previous, 0, 80)));
}

/* What went before is put before the input. */
static enum err expand(struct exchange *x, struct slice *body, struct err_info *e)
{
    struct slice items = {0};
    struct buf expanded = {0};

    if (!shelf_get(x->gw->gateway->responses, x->key->user->id, shelf_id(x, x->replay),
                   x->gw->worker->now_ms, &x->arena, &items) &&
        x->replay->previous.len)
        return not_kept(x->replay, e);
    if (replay_expand(*body, items, &x->arena, &expanded, e) == ERR_NONE)
        *body = arena_dup(&x->arena, buf_peek(&expanded));
    buf_release(&expanded);
    return e->code;
}

/* An item that is kept no more stays a reference: the codec refuses it by its place. */
static enum err resolve(struct exchange *x, struct slice *body, struct err_info *e)
{
    struct buf resolved = {0};

    if (replay_resolve(*body, find_item, x, &x->arena, &resolved, e) == ERR_NONE)
        *body = arena_dup(&x->arena, buf_peek(&resolved));
    buf_release(&resolved);
    return e->code;
}

enum err remember_expand(struct exchange *x, struct slice *body, struct err_info *e)
{
    if (x->target.dialect != DIALECT_OPENAI_RESPONSES || !x->snapshot->limits.response_ttl_ms)
        return ERR_NONE;
    if (!x->replay) {
        x->replay = arena_new(&x->arena, struct replay);
        if (replay_read(x->body, &x->arena, x->replay, e) != ERR_NONE)
            return e->code;
    }
    if ((x->replay->previous.len || x->replay->conversation.len) && expand(x, body, e) != ERR_NONE)
        return e->code;
    if (x->replay->refers && resolve(x, body, e) != ERR_NONE)
        return e->code;
    if (body->ptr != x->body.ptr)
        x->expanded_body = *body;
    return ERR_NONE;
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
            replay_each(replay_response(tail), &x->arena, keep_item, x);
        if (x->replay->keeps)
            shelf_put(x->gw->gateway->responses, x->key->user->id, shelf_id(x, &made),
                      buf_peek(&items), x->snapshot->limits.response_ttl_ms, x->gw->worker->now_ms);
        if (x->replay->conversation.len)
            shelf_put(x->gw->gateway->responses, x->key->user->id, shelf_id(x, x->replay),
                      buf_peek(&items), x->snapshot->limits.response_ttl_ms, x->gw->worker->now_ms);
    }
    buf_release(&items);
}
