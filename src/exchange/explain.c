/* explain.c - what would be done with a request, and why; nothing is sent. */
#include "exchange/explain.h"

#include <assert.h>

#include "chat/error.h"
#include "exchange/admit.h"
#include "exchange/attempt.h"
#include "exchange/foreign.h"
#include "exchange/local.h"
#include "exchange/settle.h"
#include "exchange/stages.h"
#include "json/write.h"

struct explaining {
    struct exchange *x;
    struct json_writer w;
};

/* ---- small things ---- */

static void put_error(struct json_writer *w, const char *key, enum dialect d,
                      const struct err_info *e)
{
    json_key(w, slice_str(key));
    json_open_object(w);
    json_put_string(w, "reason", slice_str(err_name(e->code)));
    json_put_int(w, "status", error_status(d, e->code));
    json_put_string(w, "message", slice_str(err_info_text(e)));
    if (e->retry_after_ms)
        json_put_int(w, "retry_after_ms", e->retry_after_ms);
    json_close_object(w);
}

/* ---- who asks, and for what ---- */

static void explain_target(struct explaining *ex)
{
    const struct exchange *x = ex->x;
    struct json_writer *w = &ex->w;

    json_key(w, SLICE("request"));
    json_open_object(w);
    json_put_string(w, "operation", slice_str(operation_name(x->target.operation)));
    json_put_string(w, "dialect", slice_str(dialect_name(x->target.dialect)));
    if (x->target.scope.len)
        json_put_string(w, "scope", x->target.scope);
    json_close_object(w);
}

static void explain_key(struct explaining *ex)
{
    const struct key *k = ex->x->key;
    struct json_writer *w = &ex->w;

    json_key(w, SLICE("authenticated"));
    json_open_object(w);
    json_put_string(w, "user", k->user->name);
    json_put_bool(w, "admin", k->user->admin);
    json_put_int(w, "key_id", k->id);
    if (k->label.len)
        json_put_string(w, "key_label", k->label);
    if (k->expires_unix_ms)
        json_put_time(w, "key_expires_at", k->expires_unix_ms);
    json_close_object(w);
}

/* ---- permissions ---- */

static void on_permission(void *ctx, const struct route_permission *p)
{
    struct json_writer *w = ctx;

    json_open_object(w);
    json_put_string(w, "of", p->of_key ? SLICE("key") : SLICE("user"));
    if (p->provider.len)
        json_put_string(w, "provider", p->provider);
    json_put_string(w, "models", p->models);
    json_put_bool(w, "matches", p->matches);
    json_close_object(w);
}

static void explain_permissions(struct explaining *ex)
{
    struct exchange *x = ex->x;
    struct json_writer *w = &ex->w;

    json_key(w, SLICE("permissions"));
    json_open_array(w);
    route_each_permission(x->key, x->scope, x->asked_model, on_permission, w);
    json_close_array(w);
}

/* ---- where it may go ---- */

static const char *way_of(const struct exchange *x, const struct candidate *c)
{
    if (local_is_for(x, c))
        return "answered here";
    return foreign_cell(x, c).kind == CELL_TRANSFORM ? "translated" : "passed through";
}

static bool on_item(void *ctx, const struct price_item *item)
{
    struct json_writer *w = ctx;

    json_open_object(w);
    json_put_string(w, "what", slice_str(item->what));
    json_put_int(w, "count", item->count);
    json_put_usd(w, item->per == 1 ? "usd_each" : "usd_per_million", item->rate_nusd);
    json_put_usd(w, "usd", item->nusd);
    json_close_object(w);
    return true;
}

/* The lines of a bill for what it may use, at the standard tier and at this hour. */
static void put_foreseen(struct explaining *ex, const struct candidate *c)
{
    struct json_writer *w = &ex->w;
    struct chat_usage usage;
    struct price_use use = {.usage = &usage, .at_unix_ms = ex->x->began_unix_ms};
    struct price_applied applied;

    admit_foresee(ex->x, c, &usage);
    json_key(w, SLICE("foreseen"));
    json_open_array(w);
    price_items(c->price, &use, &applied, on_item, w);
    json_close_array(w);
    json_put_usd(w, "foreseen_usd", price_cost(c->price, &use));
}

static void explain_price(struct explaining *ex, const struct candidate *c)
{
    struct json_writer *w = &ex->w;

    json_key(w, SLICE("price"));
    if (!c->price) {
        json_value_null(w);
        return;
    }
    json_open_object(w);
    json_put_string(w, "from", slice_str(c->price_source));
    json_put_int(w, "id", price_id(c->price));
    json_key(w, SLICE("rates"));
    json_value_raw(w, price_text(c->price));
    put_foreseen(ex, c);
    json_close_object(w);
}

static void explain_route(struct explaining *ex)
{
    struct exchange *x = ex->x;
    struct json_writer *w = &ex->w;

    json_put_string(w, "model", x->model);
    json_key(w, SLICE("alias"));
    if (x->route->alias)
        json_value_string(w, x->route->alias->name);
    else
        json_value_null(w);
    json_key(w, SLICE("candidates"));
    json_open_array(w);
    for (size_t i = 0; i < x->route->count; i++) {
        const struct candidate *c = &x->route->candidates[i];
        json_open_object(w);
        json_put_string(w, "provider", c->provider->name);
        json_put_string(w, "channel", slice_str(c->provider->channel->name));
        json_put_string(w, "model", c->model);
        json_put_bool(w, "declared", c->row != NULL);
        json_put_string(w, "way", slice_str(way_of(x, c)));
        json_put_string(w, "dialect", slice_str(dialect_name(foreign_cell(x, c).to)));
        json_put_int(w, "credentials", (int64_t)c->provider->credential_count);
        explain_price(ex, c);
        json_close_object(w);
    }
    json_close_array(w);
}

/* ---- limits and money ---- */

static void put_figures(struct json_writer *w, const struct account_line *line)
{
    static const char *const names[FIGURE_COUNT] = {"rpm", "rpd", "tpm", "tpd", "max_concurrent"};

    for (size_t i = 0; i < FIGURE_COUNT; i++) {
        if (line->figures[i].limit < 0)
            continue;
        json_key(w, slice_str(names[i]));
        json_open_object(w);
        json_put_int(w, "limit", line->figures[i].limit);
        json_put_int(w, "used", line->figures[i].used);
        json_put_int(w, "left", line->figures[i].left);
        json_close_object(w);
    }
}

static void on_limit(void *ctx, const struct account_line *line)
{
    struct json_writer *w = ctx;

    json_open_object(w);
    json_put_string(w, "of", line->of_key ? SLICE("key") : SLICE("user"));
    json_put_int(w, "id", line->row_id);
    if (line->is_bad) {
        json_put_string(w, "refuses_all", SLICE("the row is not valid"));
    } else if (line->is_quota) {
        json_put_string(w, "quota", slice_str(period_name(line->period)));
        json_put_usd(w, "usd", line->usd_nusd);
        json_put_usd(w, "spent", line->spent_nusd);
        json_put_usd(w, "reserved", line->reserved_nusd);
        json_put_usd(w, "adjustment", line->adjustment_nusd);
        json_put_usd(w, "left", line->left_nusd);
        if (line->ends_unix_ms)
            json_put_time(w, "begins_anew_at", line->ends_unix_ms);
    } else {
        json_put_string(w, "rate_limit", line->models);
        json_put_bool(w, "counts", line->counts);
        put_figures(w, line);
    }
    json_close_object(w);
}

/* Whether it would be let pass; nothing of it stays. */
static void put_reservation(struct explaining *ex, const struct reserve_ask *ask)
{
    struct exchange *x = ex->x;
    struct json_writer *w = &ex->w;
    struct reservation trial = {0};
    struct err_info e = {0};

    json_key(w, SLICE("reservation"));
    json_open_object(w);
    json_put_int(w, "tokens", ask->tokens);
    json_put_usd(w, "usd", ask->cost_nusd);
    if (account_reserve(&trial, ask, &x->arena, &e) != ERR_NONE)
        put_error(w, "refused", x->target.dialect, &e);
    account_release(&trial, ask->now_ms);
    json_close_object(w);
}

static void explain_limits(struct explaining *ex)
{
    struct json_writer *w = &ex->w;
    struct reserve_ask ask;

    admit_ask(ex->x, &ask);
    json_key(w, SLICE("limits"));
    json_open_array(w);
    account_explain(&ask, on_limit, w);
    json_close_array(w);
    put_reservation(ex, &ask);
}

/* ---- what would be sent ---- */

static void put_rules(struct explaining *ex, const char *key, const struct ruled *ruled)
{
    struct json_writer *w = &ex->w;

    json_key(w, slice_str(key));
    json_open_array(w);
    for (size_t i = 0; i < ruled->count; i++) {
        const struct rule_outcome *o = &ruled->outcomes[i];
        json_open_object(w);
        json_put_string(w, "rule",
                        o->rule ? rule_describe(o->rule, &ex->x->arena)
                                : SLICE("magic strings become breakpoints"));
        json_put_bool(w, "changed", o->changed);
        if (o->why)
            json_put_string(w, "why", slice_str(o->why));
        json_close_object(w);
    }
    json_close_array(w);
}

/* What a translation could not carry as it was. */
static void put_losses(struct json_writer *w, const struct attempt *at)
{
    json_key(w, SLICE("losses"));
    json_open_array(w);
    if (at->is_foreign && at->asked) {
        list_for_each(link, &at->asked->notes) {
            const struct chat_note *n = list_entry(link, struct chat_note, link);
            json_open_object(w);
            json_put_string(w, "field", n->field);
            json_put_string(w, "what",
                            n->degraded ? SLICE("carried in another form") : SLICE("dropped"));
            json_close_object(w);
        }
    }
    json_close_array(w);
}

static bool is_secret(struct slice name)
{
    return slice_eq_nocase(name, SLICE("authorization")) ||
           slice_eq_nocase(name, SLICE("x-api-key")) ||
           slice_eq_nocase(name, SLICE("x-goog-api-key"));
}

/* The next line of a head, without its end. */
static struct slice next_line(struct slice *head)
{
    struct slice line = slice_cut(*head, '\n', head);

    return slice_ends(line, SLICE("\r")) ? slice_sub(line, 0, line.len - 1) : line;
}

/* The lines of a head without the secret ones; `head` ends with an empty line. */
static void put_head(struct json_writer *w, struct slice head)
{
    struct slice line = next_line(&head);

    json_put_string(w, "request_line", line);
    json_key(w, SLICE("headers"));
    json_open_object(w);
    while (head.len) {
        struct slice value, name;
        line = next_line(&head);
        name = slice_cut(line, ':', &value);
        if (!name.len)
            break;
        json_key(w, name);
        json_value_string(w, is_secret(name) ? SLICE("(secret)") : slice_trim(value));
    }
    json_close_object(w);
}

static void put_body(struct json_writer *w, const struct attempt *at)
{
    struct buf whole = {0};

    for (int i = 1; i < at->call.part_count; i++)
        buf_append(&whole, slice_of(at->call.parts[i].iov_base, at->call.parts[i].iov_len));
    json_key(w, SLICE("body"));
    if (buf_len(&whole))
        json_value_raw(w, buf_peek(&whole));
    else
        json_value_null(w);
    buf_release(&whole);
}

static void explain_attempt(struct explaining *ex, const struct candidate *c)
{
    struct exchange *x = ex->x;
    struct json_writer *w = &ex->w;
    struct attempt *at = &x->attempt;
    struct reserve_ask ask;

    json_open_object(w);
    json_put_string(w, "provider", c->provider->name);
    json_put_string(w, "model", c->model);
    if (local_is_for(x, c)) {
        json_put_string(w, "way", SLICE("answered here"));
    } else if (!c->provider->credential_count) {
        json_put_string(w, "refused", SLICE("no enabled credential"));
    } else {
        json_put_int(w, "credential_id", c->provider->credentials[0].id);
        if (attempt_prepare(x, c, &c->provider->credentials[0]) != ERR_NONE ||
            request_build(x, at) != ERR_NONE) {
            put_error(w, "refused", x->target.dialect, &at->err);
        } else {
            put_rules(ex, "rules", &at->ruled);
            put_losses(w, at);
            if (admit_attempt_ask(x, at, NULL, &ask))
                put_reservation(ex, &ask);
            put_head(w, buf_peek(&at->head));
            put_body(w, at);
        }
        request_release(at);
    }
    json_close_object(w);
}

/* ---- the whole ---- */

/* What stands in for the head's key. */
static bool take_key(struct exchange *x, int64_t id)
{
    const struct table_entry *entry;

    for (size_t at = 0; (entry = table_next(&x->snapshot->keys, &at));) {
        const struct key *k = entry->value;
        if (k->id != id)
            continue;
        memcpy(x->digest, k->digest, sizeof(x->digest));
        x->has_key = true;
        return true;
    }
    err_set(&x->err, ERR_NOT_FOUND, "there is no key %lld", (long long)id);
    return false;
}

static bool explain_all(struct explaining *ex, const struct explain_ask *ask)
{
    struct exchange *x = ex->x;

    if (stage_receive(x) != STAGE_NEXT || (ask->key_id && !take_key(x, ask->key_id)))
        return false;
    explain_target(ex);
    if (stage_authenticate(x) != STAGE_NEXT)
        return false;
    explain_key(ex);
    if (x->is_options || x->target.operation == OP_LIST_MODELS ||
        x->target.operation == OP_GET_MODEL || x->target.operation == OP_FILES) {
        err_set(&x->err, ERR_UNSUPPORTED, "lists and files have no model: nothing to explain");
        return false;
    }
    if (stage_resolve(x) != STAGE_NEXT) {
        if (x->asked_model.len)
            explain_permissions(ex);
        return false;
    }
    json_put_string(&ex->w, "asked_model", x->asked_model);
    explain_permissions(ex);
    put_rules(ex, "inbound_rules", &x->inbound);
    put_rules(ex, "variant_rules", &x->variant);
    explain_route(ex);
    explain_limits(ex);
    json_key(&ex->w, SLICE("attempts"));
    json_open_array(&ex->w);
    for (size_t i = 0; i < x->route->count; i++)
        explain_attempt(ex, &x->route->candidates[i]);
    json_close_array(&ex->w);
    return true;
}

void explain_request(struct gateway *g, struct snapshot *s, const struct explain_ask *ask,
                     struct buf *json)
{
    struct worker *worker = worker_new(0);
    struct gateway_worker *gw = gateway_worker_new(g, worker, NULL, snapshot_ref(s));
    struct explaining ex = {.x = exchange_make(gw), .w = {.out = json}};

    worker_update_now(worker);
    ex.x->began_unix_ms = worker->now_unix_ms;
    ex.x->head = ask->head;
    ex.x->body = ask->body;
    json_open_object(&ex.w);
    if (!explain_all(&ex, ask))
        put_error(&ex.w, "error", ex.x->target.dialect, &ex.x->err);
    json_close_object(&ex.w);
    exchange_free(ex.x);
    gateway_worker_free(gw);
    worker_free(worker);
}
