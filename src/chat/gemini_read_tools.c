/* gemini_read_tools.c - tools and toolConfig of a generateContent request. */
#include "base/array.h"
#include "chat/gemini_inside.h"

/* Their own tools that others have too. */
static const struct {
    struct slice key;
    enum chat_tool_kind kind;
} common[] = {
    {SLICE_INIT("googleSearch"),          TOOL_WEB_SEARCH    },
    {SLICE_INIT("googleSearchRetrieval"), TOOL_WEB_SEARCH    },
    {SLICE_INIT("urlContext"),            TOOL_WEB_FETCH     },
    {SLICE_INIT("codeExecution"),         TOOL_CODE_EXECUTION},
};

/* "tools[0].functionDeclarations[3].name", of what is read just now. */
static enum err refuse_declaration(struct gemini_reader *g, const char *field, const char *what)
{
    return err_set(g->e, ERR_BAD_REQUEST, "tools[%zu].functionDeclarations[%zu]%s: %s", g->content,
                   g->part, field, what);
}

static enum err read_declaration_field(struct gemini_reader *g, struct chat_tool *tool,
                                       const struct json *at)
{
    if (json_is(at, JSON_NULL))
        return ERR_NONE;
    if (slice_eq(at->key, SLICE("name"))) {
        tool->name = json_str(g->arena, at);
    } else if (slice_eq(at->key, SLICE("description"))) {
        if (!json_is(at, JSON_STRING))
            return refuse_declaration(g, ".description", "expected a string");
        tool->description = text_of(at);
    } else if (gemini_key_is(at, SLICE("parametersJsonSchema"))) {
        if (!json_is(at, JSON_OBJECT))
            return refuse_declaration(g, ".parametersJsonSchema", "expected an object");
        tool->schema = at->source;
    } else if (slice_eq(at->key, SLICE("parameters"))) {
        if (!json_is(at, JSON_OBJECT))
            return refuse_declaration(g, ".parameters", "expected an object");
        tool->schema = gemini_schema(g->arena, at);
    } else {
        gemini_unknown(g, "tools.functionDeclarations.", at); // response, behavior, ...
    }
    return ERR_NONE;
}

static enum err read_declaration(struct gemini_reader *g, const struct json *v)
{
    struct chat_tool *tool;

    if (!json_is(v, JSON_OBJECT))
        return refuse_declaration(g, "", "expected an object");
    tool = chat_tool_new(g->r, TOOL_FUNCTION);
    json_for_each(at, v) {
        if (read_declaration_field(g, tool, at) != ERR_NONE)
            return g->e->code;
    }
    return tool->name.len ? ERR_NONE : refuse_declaration(g, ".name", "expected a name");
}

static enum err read_declarations(struct gemini_reader *g, const struct json *v)
{
    if (gemini_expect(g, "tools.functionDeclarations", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    g->part = 0;
    json_for_each(at, v) {
        if (read_declaration(g, at) != ERR_NONE)
            return g->e->code;
        g->part++;
    }
    return ERR_NONE;
}

static struct slice alone(struct arena *a, const struct json *at)
{
    struct buf raw = {0};
    struct json_writer w = {.out = &raw};
    struct slice kept;

    json_open_object(&w);
    json_key(&w, at->key);
    json_value_raw(&w, at->source);
    json_close_object(&w);
    kept = arena_dup(a, buf_peek(&raw));
    buf_release(&raw);
    return kept;
}

/* A tool of Google's; `raw` is an object that holds it alone. */
static void read_own(struct gemini_reader *g, const struct json *object, const struct json *at)
{
    struct chat_tool *tool = chat_tool_new(g->r, TOOL_SERVER);

    tool->vendor = VENDOR_GEMINI;
    tool->type = at->key;
    tool->raw = object->count > 1 ? alone(g->arena, at) : object->source;
    for (size_t i = 0; i < ARRAY_LEN(common); i++) {
        if (gemini_key_is(at, common[i].key)) {
            tool->kind = common[i].kind;
            tool->type = (struct slice){0};
        }
    }
    if (tool->kind != TOOL_WEB_SEARCH)
        return;
    json_for_each(option, at) {
        if (gemini_key_is(option, SLICE("excludeDomains")) && json_is(option, JSON_ARRAY))
            tool->search.blocked_domains = option->source;
    }
}

static enum err read_tool(struct gemini_reader *g, const struct json *v)
{
    if (gemini_expect(g, "tools", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (json_is(at, JSON_NULL))
            continue;
        if (!gemini_key_is(at, SLICE("functionDeclarations")))
            read_own(g, v, at);
        else if (read_declarations(g, at) != ERR_NONE)
            return g->e->code;
    }
    return ERR_NONE;
}

enum err gemini_read_tools(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (json_is(v, JSON_OBJECT)) // one alone
        return read_tool(g, v);
    if (gemini_expect(g, "tools", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    g->content = 0;
    json_for_each(at, v) {
        if (read_tool(g, at) != ERR_NONE)
            return g->e->code;
        g->content++;
    }
    return ERR_NONE;
}

#define CALLING "toolConfig.functionCallingConfig"

static enum err read_names(struct gemini_reader *g, const struct json *v)
{
    struct chat_request *r = g->r;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, CALLING ".allowedFunctionNames", v, JSON_ARRAY) != ERR_NONE)
        return g->e->code;
    r->choice_names = arena_array(g->arena, struct slice, v->count);
    r->choice_count = 0;
    json_for_each(at, v) {
        if (gemini_expect(g, CALLING ".allowedFunctionNames", at, JSON_STRING) != ERR_NONE)
            return g->e->code;
        r->choice_names[r->choice_count++] = json_str(g->arena, at);
    }
    return ERR_NONE;
}

/* VALIDATED holds calls to their schemas without demanding any. */
static enum err read_mode(struct gemini_reader *g, const struct json *v)
{
    static const struct {
        struct slice name;
        enum chat_choice choice;
    } modes[] = {
        {SLICE_INIT("MODE_UNSPECIFIED"), CHOICE_UNSET   },
        {SLICE_INIT("AUTO"),             CHOICE_AUTO    },
        {SLICE_INIT("ANY"),              CHOICE_REQUIRED},
        {SLICE_INIT("NONE"),             CHOICE_NONE    },
        {SLICE_INIT("VALIDATED"),        CHOICE_AUTO    },
    };
    struct slice mode = json_str(g->arena, v);

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    for (size_t i = 0; mode.ptr && i < ARRAY_LEN(modes); i++) {
        if (!slice_eq_nocase(mode, modes[i].name))
            continue;
        g->r->choice = modes[i].choice;
        if (i == ARRAY_LEN(modes) - 1)
            chat_note_degraded(g->r, CALLING ".mode");
        return ERR_NONE;
    }
    return gemini_refuse(g, CALLING ".mode", "expected AUTO, ANY, NONE or VALIDATED");
}

static enum err read_calling(struct gemini_reader *g, const struct json *v)
{
    struct chat_request *r = g->r;
    enum err code = ERR_NONE;

    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, CALLING, v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (slice_eq(at->key, SLICE("mode")))
            code = read_mode(g, at);
        else if (gemini_key_is(at, SLICE("allowedFunctionNames")))
            code = read_names(g, at);
        else if (!gemini_key_is(at, SLICE("streamFunctionCallArguments")))
            gemini_unknown(g, CALLING ".", at);
        if (code != ERR_NONE)
            return code;
    }
    if (!r->choice_count)
        return ERR_NONE;
    if (r->choice == CHOICE_REQUIRED)
        r->choice = r->choice_count == 1 ? CHOICE_ONE : CHOICE_ALLOWED_REQUIRED;
    else if (r->choice == CHOICE_AUTO)
        r->choice = CHOICE_ALLOWED_AUTO;
    return ERR_NONE;
}

/* The rest is about tools of Google's own. */
enum err gemini_read_tool_config(struct gemini_reader *g, const struct json *v)
{
    if (json_is(v, JSON_NULL))
        return ERR_NONE;
    if (gemini_expect(g, "toolConfig", v, JSON_OBJECT) != ERR_NONE)
        return g->e->code;
    json_for_each(at, v) {
        if (!gemini_key_is(at, SLICE("functionCallingConfig")))
            chat_ext_add(g->r, DIALECT_GEMINI,
                         arena_printf(g->arena, "toolConfig.%.*s", SLICE_ARG(at->key)), at->source);
        else if (read_calling(g, at) != ERR_NONE)
            return g->e->code;
    }
    return ERR_NONE;
}
