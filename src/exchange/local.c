/* local.c - answers that are made here: echo's, and counts of tokens. */
#include "exchange/local.h"

#include "base/log.h"
#include "chat/count.h"
#include "exchange/foreign.h"

bool local_is_for(const struct exchange *x, const struct candidate *c)
{
    return c->provider->channel->answer || foreign_cell(x, c).kind == CELL_LOCAL;
}

/* The answer is whole, in x->local. */
static void made(struct exchange *x, const struct candidate *c, const char *type)
{
    x->attempt.candidate = c;
    x->attempt.dialect = x->target.dialect;
    x->listener.source = USAGE_LOCAL;
    x->first_byte_at_ms = x->gw->worker->now_ms;
    x->local_status = 200;
    x->local_type = type;
    x->local_is_recorded = true;
}

static enum err echo(struct exchange *x, const struct candidate *c, struct err_info *e)
{
    struct channel_local_request request = {
        .operation = x->target.operation,
        .dialect = x->target.dialect,
        .framing = x->framing,
        .model = x->asked_model, // as the client calls it, since it is the client who reads it
        .body = x->body,
        .request_id = slice_of(x->id, ID_TEXT_BYTES - 1),
        .now_unix_ms = x->gw->worker->now_unix_ms,
    };
    const char *type;

    if (c->provider->channel->answer(&request, &x->local, &type, &x->listener.usage, e) == ERR_NONE)
        made(x, c, type);
    return e->code;
}

static enum err count(struct exchange *x, const struct candidate *c, struct err_info *e)
{
    struct chat_request *request = arena_new(&x->arena, struct chat_request);

    if (foreign_read(x, request, e) != ERR_NONE)
        return e->code;
    count_write_answer(x->target.dialect, count_request(request, c->model), &x->local);
    made(x, c, "application/json");
    return ERR_NONE;
}

enum verdict local_answer(struct exchange *x, const struct candidate *c)
{
    listener_init(&x->listener, x->target.dialect, x->target.operation, x->framing);
    if (!c->provider->channel->answer && count(x, c, &x->err) != ERR_NONE)
        return STAGE_FAIL; // refused: nothing was counted
    x->attempts++;
    if (c->provider->channel->answer && echo(x, c, &x->err) != ERR_NONE)
        return STAGE_FAIL;
    return STAGE_NEXT;
}

/*
 * A vendor has its counter: what that says of a model or, to one of its own clients, of a
 * request, is meant.
 */
static bool has_no_counter(const struct attempt *at, struct slice said)
{
    bool is_vendor = at->candidate->provider->channel->host != HOST_COMPATIBLE;

    switch (at->call.status) {
    case 405:
    case 501: return true;
    case 404: return !is_vendor;
    case 400:
        return (at->is_foreign || !is_vendor) &&
               (slice_find_slice(said, SLICE("not supported")) != SIZE_MAX ||
                slice_find_slice(said, SLICE("nsupported")) != SIZE_MAX);
    default: return false;
    }
}

bool local_counts_instead(struct exchange *x)
{
    const struct attempt *at = &x->attempt;
    struct err_info ignored = {0};

    if (x->target.operation != OP_COUNT_TOKENS ||
        !has_no_counter(at, buf_peek(&x->relay.gathered)) ||
        count(x, at->candidate, &ignored) != ERR_NONE)
        return false;
    log_event(LOG_INFO, x->id, "attempt.replaced", "provider=%.*s http=%d why=\"counted here\"",
              SLICE_ARG(at->candidate->provider->name), at->call.status);
    return true;
}
