/* models.c - lists of what the caller may use, in three shapes. */
#include "base/clock.h"
#include "exchange/stages.h"
#include "wire/url.h"
#include "json/write.h"

#define PAGE_MAX          1000
#define ANTHROPIC_DEFAULT 20
#define GEMINI_DEFAULT    50

/* The list as it is made: one pass over what the key may use, from the cursor on. */
struct listing {
    struct exchange *x;
    struct json_writer w;
    struct slice wanted; // GET of one: only this name
    struct slice after;  // cursor: names up to this one are passed over
    bool after_seen, found, more;
    size_t limit, count;
    struct slice first, last;
};

static struct slice name_of(struct listing *l, const struct route_name *n)
{
    if (n->alias)
        return n->alias->name;
    if (!n->with_provider)
        return n->model->id;
    return arena_printf(&l->x->arena, "%.*s/%.*s", SLICE_ARG(n->model->provider->name),
                        SLICE_ARG(n->model->id));
}

static void member(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    json_value_string(w, value);
}

static void write_openai(struct json_writer *w, struct slice name, const struct route_name *n,
                         int64_t created_unix_ms)
{
    member(w, SLICE("id"), name);
    member(w, SLICE("object"), SLICE("model"));
    json_put_int(w, "created", created_unix_ms / 1000);
    member(w, SLICE("owned_by"), n->model ? n->model->provider->name : SLICE("gproxy"));
}

static void write_anthropic(struct json_writer *w, struct slice name, const struct route_name *n,
                            int64_t created_unix_ms)
{
    char created[CLOCK_TEXT_BYTES];

    clock_format_unix_ms(created_unix_ms - created_unix_ms % 1000, created);
    memcpy(created + 19, "Z", 2); // whole seconds, as the vendor writes them
    member(w, SLICE("type"), SLICE("model"));
    member(w, SLICE("id"), name);
    member(w, SLICE("display_name"),
           n->model && n->model->display_name.len ? n->model->display_name : name);
    member(w, SLICE("created_at"), slice_str(created));
    if (n->model && n->model->context_window) {
        json_put_int(w, "max_input_tokens", n->model->context_window);
    }
}

static void write_gemini(struct json_writer *w, struct slice name, const struct route_name *n,
                         struct arena *a)
{
    static const char *const methods[] = {"generateContent", "streamGenerateContent", "countTokens",
                                          "embedContent", "batchEmbedContents"};

    member(w, SLICE("name"), arena_printf(a, "models/%.*s", SLICE_ARG(name)));
    member(w, SLICE("version"), SLICE("001"));
    member(w, SLICE("displayName"),
           n->model && n->model->display_name.len ? n->model->display_name : name);
    if (n->model && n->model->context_window) {
        json_put_int(w, "inputTokenLimit", n->model->context_window);
    }
    json_key(w, SLICE("supportedGenerationMethods"));
    json_open_array(w);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        json_value_string(w, slice_str(methods[i]));
    json_close_array(w);
}

static void write_model(struct listing *l, struct slice name, const struct route_name *n)
{
    int64_t created = n->alias ? n->alias->created_unix_ms : n->model->created_unix_ms;
    struct json_writer *w = &l->w;

    json_open_object(w);
    switch (l->x->target.dialect) {
    case DIALECT_ANTHROPIC: write_anthropic(w, name, n, created); break;
    case DIALECT_GEMINI: write_gemini(w, name, n, &l->x->arena); break;
    case DIALECT_OPENAI:
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_COUNT: write_openai(w, name, n, created); break;
    }
    json_close_object(w);
}

static void each(void *ctx, const struct route_name *n)
{
    struct listing *l = ctx;
    struct slice name = name_of(l, n);

    if (l->wanted.len) {
        /* A name that the key may send is found, bare or with its provider. */
        bool same = slice_eq(name, l->wanted) || (n->model && slice_eq(n->model->id, l->wanted));
        if (same && !l->found) {
            l->found = true;
            write_model(l, l->wanted, n);
        }
        return;
    }
    if (l->after.len && !l->after_seen) {
        l->after_seen = slice_eq(name, l->after);
        return;
    }
    if (l->count >= l->limit) {
        l->more = true;
        return;
    }
    if (!l->count++)
        l->first = name;
    l->last = name;
    write_model(l, name, n);
}

static size_t page_size(struct slice text, size_t initial)
{
    uint64_t n;

    if (!text.len || !slice_to_u64(text, &n) || n == 0)
        return initial;
    return n < PAGE_MAX ? (size_t)n : PAGE_MAX;
}

static struct slice cursor(struct exchange *x, struct slice text)
{
    struct buf decoded = {0};
    struct slice out = {0};

    if (text.len && percent_decode(text, &decoded))
        out = arena_dup(&x->arena, buf_peek(&decoded));
    buf_release(&decoded);
    return out;
}

static void string_or_null(struct json_writer *w, struct slice key, struct slice value)
{
    json_key(w, key);
    if (value.len)
        json_value_string(w, value);
    else
        json_value_null(w);
}

static void list_openai(struct exchange *x, struct listing *l)
{
    l->limit = SIZE_MAX; // OpenAI's list has no pages
    member(&l->w, SLICE("object"), SLICE("list"));
    json_key(&l->w, SLICE("data"));
    json_open_array(&l->w);
    route_list(x->snapshot, x->key, x->scope, each, l);
    json_close_array(&l->w);
}

static void list_anthropic(struct exchange *x, struct listing *l)
{
    l->limit = page_size(query_get(x->query, SLICE("limit")), ANTHROPIC_DEFAULT);
    l->after = cursor(x, query_get(x->query, SLICE("after_id")));
    json_key(&l->w, SLICE("data"));
    json_open_array(&l->w);
    route_list(x->snapshot, x->key, x->scope, each, l);
    json_close_array(&l->w);
    json_put_bool(&l->w, "has_more", l->more);
    string_or_null(&l->w, SLICE("first_id"), l->first);
    string_or_null(&l->w, SLICE("last_id"), l->last);
}

static void list_gemini(struct exchange *x, struct listing *l)
{
    l->limit = page_size(query_get(x->query, SLICE("pageSize")), GEMINI_DEFAULT);
    l->after = cursor(x, query_get(x->query, SLICE("pageToken")));
    json_key(&l->w, SLICE("models"));
    json_open_array(&l->w);
    route_list(x->snapshot, x->key, x->scope, each, l);
    json_close_array(&l->w);
    if (l->more)
        member(&l->w, SLICE("nextPageToken"), l->last);
}

static enum verdict answer_one(struct exchange *x, struct listing *l)
{
    l->wanted = x->target.model;
    if (slice_starts(l->wanted, SLICE("models/")))
        l->wanted = slice_after(l->wanted, 7);
    x->asked_model = l->wanted;
    route_list(x->snapshot, x->key, x->scope, each, l);
    if (!l->found)
        return exchange_fail(x, ERR_MODEL_NOT_FOUND,
                             "there is no model \"%.*s\" that this key may use",
                             SLICE_ARG(slice_sub(l->wanted, 0, 100)));
    return STAGE_NEXT;
}

enum verdict models_answer(struct exchange *x)
{
    struct listing l = {.x = x, .w = {.out = &x->local}};

    if (x->target.operation == OP_GET_MODEL) {
        if (answer_one(x, &l) != STAGE_NEXT)
            return STAGE_FAIL;
    } else {
        json_open_object(&l.w);
        if (x->target.dialect == DIALECT_ANTHROPIC)
            list_anthropic(x, &l);
        else if (x->target.dialect == DIALECT_GEMINI)
            list_gemini(x, &l);
        else
            list_openai(x, &l);
        json_close_object(&l.w);
    }
    x->local_status = 200;
    x->local_type = "application/json";
    return STAGE_NEXT;
}
