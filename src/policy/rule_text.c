/* rule_text.c - replace: regular expressions over the texts of a conversation, and them alone. */
#include "base/array.h"
#include "base/buf.h"
#include "chat/peek.h"
#include "policy/rule_inside.h"
#include "json/raw.h"
#include "json/write.h"

#define STEPS_MAX 6

/*
 * Where people and models speak.  Not here, on purpose: images and files, the arguments and
 * results of tools, schemas, ids, and reasoning, which its maker has signed.  A string that
 * stands where "*" looks for a list is a text itself.
 */
struct text_place {
    enum dialect dialect;
    const char *steps[STEPS_MAX + 1]; // keys; "*" goes through a list
};

static const struct text_place places[] = {
    {DIALECT_OPENAI_CHAT,      {"messages", "*", "content", "*", "text"}                  },
    {DIALECT_OPENAI_CHAT,      {"tools", "*", "function", "description"}                  },
    {DIALECT_OPENAI_CHAT,      {"tools", "*", "custom", "description"}                    },
    {DIALECT_OPENAI_CHAT,      {"functions", "*", "description"}                          },
    {DIALECT_OPENAI_RESPONSES, {"instructions"}                                           },
    {DIALECT_OPENAI_RESPONSES, {"input", "*", "content", "*", "text"}                     },
    {DIALECT_OPENAI_RESPONSES, {"tools", "*", "description"}                              },
    {DIALECT_ANTHROPIC,        {"system", "*", "text"}                                    },
    {DIALECT_ANTHROPIC,        {"messages", "*", "content", "*", "text"}                  },
    {DIALECT_ANTHROPIC,        {"tools", "*", "description"}                              },
    {DIALECT_GEMINI,           {"systemInstruction", "parts", "*", "text"}                },
    {DIALECT_GEMINI,           {"system_instruction", "parts", "*", "text"}               },
    {DIALECT_GEMINI,           {"contents", "*", "parts", "*", "text"}                    },
    {DIALECT_GEMINI,           {"tools", "*", "functionDeclarations", "*", "description"} },
    {DIALECT_GEMINI,           {"tools", "*", "function_declarations", "*", "description"}},
};

struct text_step {
    struct rule_work *w;
    struct rule_matcher *matcher;
    struct buf decoded, replaced, literal;
};

static bool is_one_of(struct slice literal, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (json_string_eq(literal, slice_str(words[i])))
            return true;
    }
    return false;
}

/* Whether what stands in this item of a list is spoken: no tool's result, no thought. */
static bool is_spoken(struct slice item)
{
    static const char *const types[] = {"text",    "input_text", "output_text",
                                        "message", "function",   "custom"};
    static const char *const tools[] = {"tool", "function"};
    struct peek p = peek_into(item);
    struct slice key, value;

    while (peek_next(&p, &key, &value)) {
        if (rule_key_is(key, SLICE("type")) && json_is_string(value) &&
            !is_one_of(value, types, ARRAY_LEN(types)))
            return false;
        if (rule_key_is(key, SLICE("role")) && is_one_of(value, tools, ARRAY_LEN(tools)))
            return false;
        if (rule_key_is(key, SLICE("thought")) && json_is_true(value))
            return false;
    }
    return true;
}

static void give_up(struct text_step *s, const char *why)
{
    s->w->count = 0;
    s->w->why = why;
    s->w->is_over = true;
}

static void replace(struct text_step *s, struct slice literal)
{
    struct slice text;

    if (!json_string_plain(literal, &text)) {
        buf_clear(&s->decoded);
        json_string_decode(literal, &s->decoded);
        text = buf_peek(&s->decoded);
    }
    switch (rule_matcher_replace(s->matcher, text, text.len + s->w->room, &s->replaced)) {
    case RULE_MATCH_NONE: return;
    case RULE_MATCH_SOME: break;
    case RULE_MATCH_LONG: rule_say(s->w, "a text is too long, or would be"); return;
    case RULE_MATCH_STEPS: give_up(s, "the pattern takes too many steps on this text"); return;
    case RULE_MATCH_ERROR: give_up(s, "the pattern cannot be run on this text"); return;
    }
    if (slice_eq(buf_peek(&s->replaced), text))
        return;
    buf_clear(&s->literal);
    json_write_string(&s->literal, buf_peek(&s->replaced));
    rule_bytes(s->w, literal, arena_dup(s->w->arena, buf_peek(&s->literal)));
}

// NOLINTNEXTLINE(misc-no-recursion): as deep as the table is wide
static void walk(struct text_step *s, struct slice value, const char *const *steps)
{
    bool is_list = steps[0] && strcmp(steps[0], "*") == 0;
    struct peek p = peek_into(value);
    struct slice key, inner;

    if (s->w->is_over)
        return;
    if (json_is_string(value)) {
        if (!steps[0] || is_list)
            replace(s, value);
        return;
    }
    if (!steps[0] || (is_list ? !json_is_array(value) : !json_is_object(value)))
        return;
    while (peek_next(&p, &key, &inner)) {
        if (is_list ? json_is_string(inner) || is_spoken(inner)
                    : rule_key_is(key, slice_str(steps[0])))
            walk(s, inner, steps + 1);
    }
}

/* What Gemini counts may stand one level down. */
static void walk_all(struct text_step *s, struct slice object)
{
    struct peek p = peek_into(object);
    struct slice key, value;

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (places[i].dialect == s->w->dialect)
            walk(s, object, places[i].steps);
    }
    while (s->w->dialect == DIALECT_GEMINI && peek_next(&p, &key, &value)) {
        for (size_t i = 0; i < ARRAY_LEN(places); i++) {
            if (places[i].dialect == DIALECT_GEMINI &&
                rule_key_is(key, SLICE("generateContentRequest")))
                walk(s, value, places[i].steps);
        }
    }
}

void rule_work_text(struct rule_work *w, const struct rule *r)
{
    struct text_step s = {.w = w};

    if (!rule_is_talk(w)) {
        rule_say(w, "this operation has no texts");
        return;
    }
    s.matcher = rule_matcher_new(r->regex);
    walk_all(&s, w->top);
    rule_matcher_free(s.matcher);
    buf_release(&s.decoded);
    buf_release(&s.replaced);
    buf_release(&s.literal);
}
