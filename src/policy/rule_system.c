/* rule_system.c - text before or after the system prompt, in the dialect's own shape. */
#include "base/buf.h"
#include "chat/peek.h"
#include "policy/rule_inside.h"
#include "json/raw.h"
#include "json/write.h"

struct system_step {
    struct rule_work *w;
    const struct rule *r;
    struct slice literal; // of the text
};

static struct slice text_block(const struct system_step *s, const char *before, const char *after)
{
    return arena_printf(s->w->arena, "%s%.*s%s", before, SLICE_ARG(s->literal), after);
}

/* Text and what there was are two paragraphs; what stands in the quotes keeps its bytes. */
static void add_to_string(const struct system_step *s, struct slice literal)
{
    struct slice inside = slice_sub(s->literal, 1, s->literal.len - 2);

    if (literal.len == 2)
        rule_bytes(s->w, literal, s->literal);
    else if (s->r->is_prepend)
        rule_bytes(s->w, slice_sub(literal, 1, 0),
                   arena_printf(s->w->arena, "%.*s\\n\\n", SLICE_ARG(inside)));
    else
        rule_bytes(s->w, slice_sub(literal, literal.len - 1, 0),
                   arena_printf(s->w->arena, "\\n\\n%.*s", SLICE_ARG(inside)));
}

static void add_to_list(const struct system_step *s, struct slice list, struct slice block)
{
    size_t count = peek_is_empty(list) ? 0 : 1;

    if (s->r->is_prepend)
        rule_push_front(s->w, list, count, block);
    else
        rule_push(s->w, list, count, block);
}

static bool is_gone(struct slice value)
{
    return !value.ptr || json_is_null(value);
}

/* A member that is a text, or a list of blocks of text where `block` is given. */
static void add_to_member(const struct system_step *s, struct slice object, struct slice key,
                          struct slice block)
{
    struct slice value = rule_member(s->w, object, key);

    if (is_gone(value))
        rule_put(s->w, object, value, key, s->literal);
    else if (json_is_string(value))
        add_to_string(s, value);
    else if (block.ptr && json_is_array(value))
        add_to_list(s, value, block);
    else
        rule_say(s->w, "the system prompt is of a kind that is not known");
}

/* The first message of the system's or developer's, or a new one. */
static void chat_system(const struct system_step *s)
{
    struct slice messages = rule_member(s->w, s->w->top, SLICE("messages")), key, message;
    struct peek p = peek_into(messages);

    if (!json_is_array(messages)) {
        rule_say(s->w, "there is no list of messages");
        return;
    }
    while (peek_next(&p, &key, &message)) {
        struct slice role = rule_member(s->w, message, SLICE("role"));
        if (!json_string_eq(role, SLICE("system")) && !json_string_eq(role, SLICE("developer")))
            continue;
        add_to_member(s, message, SLICE("content"),
                      text_block(s, "{\"type\":\"text\",\"text\":", "}"));
        return;
    }
    rule_push_front(s->w, messages, peek_is_empty(messages) ? 0 : 1,
                    text_block(s, "{\"role\":\"system\",\"content\":", "}"));
}

/* protojson knows two names of the field; a client uses one. */
static void gemini_system(const struct system_step *s)
{
    struct slice object = rule_member(s->w, s->w->top, SLICE("generateContentRequest"));
    struct slice key = SLICE("systemInstruction"), prompt, parts;

    if (is_gone(object)) {
        object = s->w->top;
        if (s->w->operation == OP_COUNT_TOKENS) {
            rule_say(s->w, "what is counted has no system prompt");
            return;
        }
    }
    prompt = rule_member(s->w, object, SLICE("system_instruction"));
    if (prompt.ptr)
        key = SLICE("system_instruction");
    else
        prompt = rule_member(s->w, object, key);
    parts = rule_member(s->w, prompt, SLICE("parts"));
    if (is_gone(prompt))
        rule_put(s->w, object, prompt, key, text_block(s, "{\"parts\":[{\"text\":", "}]}"));
    else if (json_is_object(prompt) && is_gone(parts))
        rule_put(s->w, prompt, parts, SLICE("parts"), text_block(s, "[{\"text\":", "}]"));
    else if (json_is_array(parts))
        add_to_list(s, parts, text_block(s, "{\"text\":", "}"));
    else
        rule_say(s->w, "the system prompt is of a kind that is not known");
}

void rule_work_system(struct rule_work *w, const struct rule *r)
{
    struct system_step s = {.w = w, .r = r};
    struct buf literal = {0};

    if (!rule_is_talk(w)) {
        rule_say(w, "this operation has no system prompt");
        return;
    }
    json_write_string(&literal, r->text);
    s.literal = arena_dup(w->arena, buf_peek(&literal));
    buf_release(&literal);
    switch (w->dialect) {
    case DIALECT_OPENAI_CHAT: chat_system(&s); return;
    case DIALECT_OPENAI_RESPONSES:
        add_to_member(&s, w->top, SLICE("instructions"), slice_of(NULL, 0));
        return;
    case DIALECT_ANTHROPIC:
        add_to_member(&s, w->top, SLICE("system"),
                      text_block(&s, "{\"type\":\"text\",\"text\":", "}"));
        return;
    case DIALECT_GEMINI: gemini_system(&s); return;
    case DIALECT_OPENAI:
    case DIALECT_COUNT: return;
    }
}
