/* envelope_body.c - envelopes in a request whose bytes would otherwise pass. */
#include "chat/envelope_body.h"

#include "chat/compact.h"
#include "json/raw.h"
#include "json/tree.h"

#define SENTINEL "skip_thought_signature_validator" // gemini-generate.md 5

/* How an envelope begins; for Gemini once more in base64, where '{"p"' follows (envelope.c). */
static struct slice sign(enum dialect d)
{
    return d == DIALECT_GEMINI ? SLICE("cHhzMS5") : SLICE("pxs1.");
}

bool envelope_in_body(enum dialect d, struct slice body)
{
    if (d != DIALECT_ANTHROPIC && d != DIALECT_OPENAI_RESPONSES && d != DIALECT_GEMINI)
        return false;
    return slice_find_slice(body, sign(d)) != SIZE_MAX ||
           (d == DIALECT_OPENAI_RESPONSES && slice_find_slice(body, SLICE("pxc1.")) != SIZE_MAX);
}

struct opening {
    const struct chat_seal *seal;
    struct arena *arena;
};

/* What stands in `holder` under `key`: nothing of ours, somebody's secret, or what is no good. */
enum found { FOUND_NOTHING, FOUND_OWN, FOUND_FOREIGN };

static enum found look(const struct opening *u, const struct json *holder, struct slice key,
                       enum chat_vendor own, struct chat_reasoning *out)
{
    struct slice text = json_str(u->arena, json_member(holder, key));
    bool opened;

    *out = (struct chat_reasoning){0};
    if (own == VENDOR_GEMINI && slice_starts(text, sign(DIALECT_GEMINI)))
        opened = envelope_open_base64(u->seal, text, u->arena, out);
    else if (own != VENDOR_GEMINI && envelope_is(text))
        opened = envelope_open(u->seal, text, u->arena, out);
    else
        return FOUND_NOTHING;
    return opened && out->vendor == own ? FOUND_OWN : FOUND_FOREIGN;
}

static void put(const struct opening *u, struct json *holder, struct slice key, struct slice value)
{
    json_set(holder, key, json_new_string(u->arena, value));
}

/* Anthropic: a thinking block goes whole, and a message that had nothing else with it. */
static void open_message(const struct opening *u, struct json *message)
{
    struct json *content = json_member(message, SLICE("content")), *next;
    struct chat_reasoning r;
    bool emptied = false;

    for (struct json *block = json_is(content, JSON_ARRAY) ? json_first(content) : NULL; block;
         block = next) {
        struct slice key = SLICE("signature");
        enum found found = look(u, block, key, VENDOR_ANTHROPIC, &r);
        next = block->next;
        if (found == FOUND_NOTHING) {
            key = SLICE("data");
            found = look(u, block, key, VENDOR_ANTHROPIC, &r);
        }
        if (found == FOUND_OWN)
            put(u, block, key, r.secret);
        if (found == FOUND_FOREIGN) {
            json_detach(block);
            emptied = !json_first(content);
        }
    }
    if (emptied)
        json_detach(message);
}

/* A conversation that was compacted here (chat/compact.h) goes on with the summary. */
static bool open_compaction(const struct opening *u, struct json *item)
{
    struct slice text = json_str(u->arena, json_member(item, SLICE("encrypted_content"))), summary;
    struct json *message;

    if (!compact_is(text) || !compact_open(u->seal, text, u->arena, &summary))
        return false;
    message = json_new_object(u->arena);
    put(u, message, SLICE("role"), SLICE("user"));
    put(u, message, SLICE("content"), summary);
    json_replace(item, message);
    return true;
}

/* Responses: an item that follows reasoning may keep its id only where that reasoning stays. */
static void open_items(const struct opening *u, struct json *input)
{
    struct chat_reasoning r;
    struct json *next;
    bool gone = false;

    for (struct json *item = json_first(input); item; item = next) {
        enum found found = look(u, item, SLICE("encrypted_content"), VENDOR_OPENAI, &r);
        next = item->next;
        if (open_compaction(u, item)) {
            gone = false;
        } else if (found == FOUND_OWN) {
            put(u, item, SLICE("encrypted_content"), r.secret);
            if (r.id.len)
                put(u, item, SLICE("id"), r.id);
            gone = false;
        } else if (found == FOUND_FOREIGN) {
            json_detach(item);
            gone = true;
        } else if (json_member(item, SLICE("role")) &&
                   json_string_eq(json_member(item, SLICE("role"))->source, SLICE("user"))) {
            gone = false;
        } else if (gone) {
            json_remove(item, SLICE("id"));
        }
    }
}

/* Gemini: a call that was signed must stay signed. */
static void open_parts(const struct opening *u, struct json *parts)
{
    static const struct slice keys[] = {SLICE_INIT("thoughtSignature"),
                                        SLICE_INIT("thought_signature")};
    struct chat_reasoning r;

    json_for_each(part, parts) {
        bool is_call =
            json_member(part, SLICE("functionCall")) || json_member(part, SLICE("function_call"));
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
            enum found found = look(u, part, keys[i], VENDOR_GEMINI, &r);
            if (found == FOUND_OWN)
                put(u, part, keys[i], r.secret);
            else if (found == FOUND_FOREIGN && is_call)
                put(u, part, keys[i], SLICE(SENTINEL));
            else if (found == FOUND_FOREIGN)
                json_remove(part, keys[i]);
        }
    }
}

enum err envelope_open_body(enum dialect d, struct slice body, struct slice model,
                            const struct chat_seal *seal, struct arena *a, struct buf *out,
                            struct err_info *e)
{
    struct opening u = {.seal = seal, .arena = a};
    struct json *tree, *next;

    if (json_parse(a, body, &tree, e) != ERR_NONE)
        return e->code;
    if (model.len)
        put(&u, tree, SLICE("model"), model);
    if (d == DIALECT_ANTHROPIC) {
        for (struct json *m = json_first(json_member(tree, SLICE("messages"))); m; m = next) {
            next = m->next;
            open_message(&u, m);
        }
    } else if (d == DIALECT_OPENAI_RESPONSES) {
        open_items(&u, json_member(tree, SLICE("input")));
    } else {
        json_for_each(content, json_member(tree, SLICE("contents")))
            open_parts(&u, json_member(content, SLICE("parts")));
    }
    json_write_tree(out, tree);
    return ERR_NONE;
}
