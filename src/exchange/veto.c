/* veto.c - what a body may not ask for, since nobody here would see it happen. */
#include "exchange/veto.h"

#include "chat/peek.h"
#include "json/scan.h"

/*
 * Responses in the background: who asks gets a receipt, and the answer is made all the same.  It
 * could not be fetched here, and nobody would learn what it cost.
 */
static bool is_in_background(enum dialect d, struct slice background)
{
    return d == DIALECT_OPENAI_RESPONSES && background.ptr && !json_is_false(background) &&
           !json_is_null(background);
}

static bool is_given(struct slice list)
{
    return list.ptr && !json_is_null(list) && !(json_is_array(list) && peek_is_empty(list));
}

/* `key` stands between its quotes; providers do not escape theirs, but others may. */
static bool key_is_model(struct slice key)
{
    if (slice_find(key, '\\') == SIZE_MAX)
        return slice_eq(key, SLICE("model"));
    return json_string_eq(slice_of(key.ptr - 1, key.len + 2), SLICE("model"));
}

/* Anthropic's advisor: a tool that is a model. */
static bool has_model(struct slice tool)
{
    struct peek p = peek_into(tool);
    struct slice key, value;

    while (json_is_object(tool) && peek_next(&p, &key, &value)) {
        if (key_is_model(key) && !json_is_null(value))
            return true;
    }
    return false;
}

static bool has_model_tool(struct slice tools)
{
    struct peek p = peek_into(tools);
    struct slice none, tool;

    while (json_is_array(tools) && peek_next(&p, &none, &tool)) {
        if (has_model(tool))
            return true;
    }
    return false;
}

enum err veto_check(enum dialect d, const struct veto_members *m, struct err_info *e)
{
    if (d == DIALECT_GEMINI)
        return ERR_NONE;
    if (is_in_background(d, m->background))
        return err_set(e, ERR_BAD_REQUEST,
                       "background: unsupported parameter: no answer is kept here");
    if (is_given(m->models) || is_given(m->fallbacks))
        return err_set(e, ERR_BAD_REQUEST,
                       "%s: only `model` may be asked for; an alias can have several targets",
                       is_given(m->models) ? "models" : "fallbacks");
    if (d == DIALECT_ANTHROPIC && has_model_tool(m->tools))
        return err_set(e, ERR_BAD_REQUEST,
                       "tools: none may have a model of its own: only `model` may be asked for");
    return ERR_NONE;
}
