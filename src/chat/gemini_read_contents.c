/* gemini_read_contents.c - contents of a generateContent request: the turns, and what was thought. */
#include "chat/gemini_inside.h"

static enum err refuse_content(struct gemini_reader *g, const char *field, const char *what)
{
    return err_set(g->e, ERR_BAD_REQUEST, "contents[%zu]%s: %s", g->content, field, what);
}

/* A call can only be the model's, whether or not that is said. */
static bool has_call(const struct json *parts)
{
    json_for_each(part, parts) {
        json_for_each(at, part) {
            if (gemini_key_is(at, SLICE("functionCall")))
                return true;
        }
    }
    return false;
}

static enum err read_role(struct gemini_reader *g, const struct json *role,
                          const struct json *parts, enum chat_role *out)
{
    struct slice name = json_str(g->arena, role);

    if (role && !json_is(role, JSON_NULL) && !name.ptr)
        return refuse_content(g, ".role", "expected a string");
    if (!name.len)
        *out = has_call(parts) ? CHAT_ASSISTANT : CHAT_USER;
    else if (slice_eq(name, SLICE("model")))
        *out = CHAT_ASSISTANT;
    else if (slice_eq(name, SLICE("user")) || slice_eq(name, SLICE("function")) ||
             slice_eq(name, SLICE("tool")))
        *out = CHAT_USER;
    else
        return refuse_content(g, ".role", "expected \"user\" or \"model\"");
    return ERR_NONE;
}

/*
 * Clients that were streamed to may send each chunk back as a content: the model's go
 * together again, as thoughts and their secrets are found in what stands around them.
 */
static void begin_turn(struct gemini_reader *g, enum chat_role role)
{
    if (g->turn && g->turn->role == CHAT_ASSISTANT && role == CHAT_ASSISTANT)
        return;
    gemini_end_thought(g);
    g->thought = NULL;
    g->turn = chat_turn_new(g->r, role);
}

static enum err read_content(struct gemini_reader *g, const struct json *v)
{
    const struct json *role = NULL, *parts = NULL;
    enum chat_role speaker = CHAT_USER;

    g->part = 0;
    if (!json_is(v, JSON_OBJECT))
        return refuse_content(g, "", "expected an object");
    json_for_each(at, v) {
        if (slice_eq(at->key, SLICE("role")))
            role = at;
        else if (slice_eq(at->key, SLICE("parts")))
            parts = at;
        else
            gemini_unknown(g, "contents.", at);
    }
    if (parts && !json_is(parts, JSON_ARRAY) && !json_is(parts, JSON_OBJECT) &&
        !json_is(parts, JSON_NULL))
        return refuse_content(g, ".parts", "expected an array");
    if (read_role(g, role, parts, &speaker) != ERR_NONE)
        return g->e->code;
    begin_turn(g, speaker);
    if (json_is(parts, JSON_OBJECT)) // one alone
        return gemini_read_part(g, parts);
    json_for_each(at, parts) {
        if (gemini_read_part(g, at) != ERR_NONE)
            return g->e->code;
        g->part++;
    }
    return ERR_NONE;
}

enum err gemini_read_contents(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_OBJECT)) // one alone
        return read_content(g, v);
    if (gemini_expect(g, "contents", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    g->content = 0;
    json_for_each(at, v) {
        if (read_content(g, at) != ERR_NONE)
            return g->e->code;
        g->content++;
    }
    gemini_end_thought(g);
    return ERR_NONE;
}
