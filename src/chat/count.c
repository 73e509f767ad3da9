/* count.c - how many tokens a request will be, counted here, and what counters answer. */
#include "chat/count.h"

#include "chat/peek.h"
#include "chat/tokens.h"
#include "json/scan.h"
#include "json/write.h"

struct counter {
    enum tokens_vocabulary vocabulary;
    size_t limit;         // bytes of text that are looked at
    struct buf plain;     // a text at a time
    int64_t around;       // what stands around texts, and media
    int64_t tokens;       // of the texts that were looked at,
    int64_t bytes;        // which are so long
    int64_t unread_bytes; // of those that were not
};

static void add_bytes(struct counter *c, struct slice utf8)
{
    struct slice read;

    if (!utf8.len)
        return;
    read = slice_sub(utf8, 0, c->limit - (size_t)c->bytes);
    c->tokens += tokens_count(c->vocabulary, read);
    c->bytes += (int64_t)read.len;
    c->unread_bytes += (int64_t)(utf8.len - read.len);
}

/* Beyond the limit a text is only measured. */
static bool left_out(struct counter *c, size_t len)
{
    if (c->bytes < (int64_t)c->limit)
        return false;
    c->unread_bytes += (int64_t)len;
    return true;
}

static void add_text(struct counter *c, struct chat_text t)
{
    if (text_is_empty(t) || left_out(c, t.s.len))
        return;
    buf_clear(&c->plain);
    text_append_plain(&c->plain, t);
    add_bytes(c, buf_peek(&c->plain));
}

static void add_raw(struct counter *c, struct slice raw)
{
    if (!left_out(c, raw.len))
        add_bytes(c, raw);
}

static void add_media(struct counter *c, const struct chat_item *item)
{
    const struct chat_media *m = &item->media;

    add_text(c, m->name);
    if (m->source == SOURCE_TEXT)
        add_text(c, m->data);
    else if (item->kind == CHAT_FILE)
        c->around += COUNT_FILE;
    else if (item->kind == CHAT_AUDIO)
        c->around += COUNT_AUDIO;
    else if (item->kind == CHAT_VIDEO)
        c->around += COUNT_VIDEO;
    else
        c->around += m->detail == DETAIL_LOW ? COUNT_IMAGE_LOW : COUNT_IMAGE;
}

static void add_call(struct counter *c, const struct chat_call *call)
{
    c->around += COUNT_TOOL;
    add_raw(c, call->name);
    add_text(c, call->arguments);
}

/* Of a result's items; they hold none of their own. */
static void add_inner(struct counter *c, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL: add_text(c, item->text); break;
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO: add_media(c, item); break;
    case CHAT_REASONING:
    case CHAT_CALL:
    case CHAT_RESULT:
    case CHAT_SERVER: break;
    }
}

static void add_result(struct counter *c, const struct chat_result *result)
{
    c->around += COUNT_TOOL;
    add_raw(c, result->object);
    list_for_each(at, &result->items) {
        const struct chat_item *item = list_entry(at, struct chat_item, link);
        if (item->kind != CHAT_TEXT || !result->object.len) // the object says the same
            add_inner(c, item);
    }
}

static void add_item(struct counter *c, const struct chat_item *item)
{
    switch (item->kind) {
    case CHAT_TEXT:
    case CHAT_REFUSAL:
    case CHAT_IMAGE:
    case CHAT_FILE:
    case CHAT_AUDIO:
    case CHAT_VIDEO: add_inner(c, item); break;
    case CHAT_REASONING: add_text(c, item->reasoning.text); break;
    case CHAT_CALL: add_call(c, &item->call); break;
    case CHAT_RESULT: add_result(c, &item->result); break;
    case CHAT_SERVER: add_raw(c, item->server.raw); break;
    }
}

static void add_items(struct counter *c, const struct list *items)
{
    c->around += c->vocabulary == TOKENS_NONE ? COUNT_MESSAGE_OTHER : COUNT_MESSAGE;
    list_for_each(at, items)
        add_item(c, list_entry(at, struct chat_item, link));
}

static void add_tool(struct counter *c, const struct chat_tool *t)
{
    if (t->withheld)
        return;
    c->around += COUNT_TOOL;
    if (t->raw.len && t->kind != TOOL_FUNCTION && t->kind != TOOL_CUSTOM) {
        add_raw(c, t->raw);
        return;
    }
    add_raw(c, t->sent_name.len ? t->sent_name : t->name);
    add_text(c, t->description);
    add_raw(c, t->sent_schema.len ? t->sent_schema : t->schema);
    add_text(c, t->grammar.definition);
}

int64_t count_request(const struct chat_request *r, struct slice model)
{
    return count_request_within(r, model, TOKENS_EXACT_BYTES);
}

int64_t count_request_within(const struct chat_request *r, struct slice model, size_t limit)
{
    struct counter c = {.vocabulary = tokens_vocabulary_for(model), .limit = limit};
    double unread;

    if (!tokens_have(c.vocabulary))
        c.vocabulary = TOKENS_NONE;
    if (c.vocabulary != TOKENS_NONE)
        c.around = COUNT_REPLY;
    if (!list_is_empty(&r->system))
        add_items(&c, &r->system);
    list_for_each(at, &r->turns)
        add_items(&c, &list_entry(at, struct chat_turn, link)->items);
    list_for_each(at, &r->tools)
        add_tool(&c, list_entry(at, struct chat_tool, link));
    add_raw(&c, r->format.sent_schema.len ? r->format.sent_schema : r->format.schema);
    buf_release(&c.plain);
    unread = c.bytes ? (double)c.unread_bytes * (double)c.tokens / (double)c.bytes : 0;
    return c.around + c.tokens + (int64_t)unread;
}

bool count_read_answer(enum dialect upstream, struct slice body, int64_t *tokens)
{
    struct json_want want = {.key = upstream == DIALECT_GEMINI ? SLICE("totalTokens")
                                                               : SLICE("input_tokens")};
    struct json_span span;
    struct err_info e = {0};

    return json_scan(body, &want, 1, &span, &e) == ERR_NONE &&
           peek_count(json_span_slice(body, span), tokens);
}

void count_write_answer(enum dialect client, int64_t tokens, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open_object(&w);
    switch (client) {
    case DIALECT_GEMINI: json_key(&w, SLICE("totalTokens")); break;
    case DIALECT_OPENAI_CHAT:
    case DIALECT_OPENAI_RESPONSES:
    case DIALECT_OPENAI:
        json_key(&w, SLICE("object"));
        json_value_string(&w, SLICE("response.input_tokens"));
        json_key(&w, SLICE("input_tokens"));
        break;
    case DIALECT_ANTHROPIC:
    case DIALECT_COUNT: json_key(&w, SLICE("input_tokens")); break;
    }
    json_value_int(&w, tokens);
    json_close_object(&w);
}
