/* shape_tools_test.c - what becomes of tools, of what may be called and of structured answers. */
#include "chat/shape_test_kit.h"

#include "chat/codec.h"
#include "chat/shape.h"

codec_read_request_fn openai_chat_read_request, anthropic_read_request, gemini_read_request;

static codec_read_request_fn *const readers[DIALECT_COUNT] = {
    [DIALECT_OPENAI_CHAT] = openai_chat_read_request,
    [DIALECT_ANTHROPIC] = anthropic_read_request,
    [DIALECT_GEMINI] = gemini_read_request,
};

static const struct {
    const char *why;
    enum dialect client, upstream;
    enum chat_host host;
    const char *model, *in, *out, *notes;
} cases[] = {
#define CASE(why, client, upstream, host, model, in, out, notes) \
    {why, DIALECT_##client, DIALECT_##upstream, HOST_##host, model, in, out, notes},
#include "chat/shape_tools_test.def"
#undef CASE
};

/* Quotes become single ones again, so that both sides of the table read alike. */
static void put(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        buf_append_byte(out, s.ptr[i] == '"' ? '\'' : s.ptr[i]);
}

static void print_tool(const struct chat_tool *tool, struct buf *out)
{
    bool search = tool->kind == TOOL_WEB_SEARCH;

    put(out, tool->name);
    if (tool->sent_name.len) {
        buf_append_byte(out, '>');
        put(out, tool->sent_name);
    }
    put(out, tool->sent_schema);
    buf_printf(out, "%s%s%s%s%s%s", search ? "/search" : "",
               tool->kind == TOOL_CUSTOM && !tool->as_function ? "/custom" : "",
               tool->as_function ? "/as_function" : "", tool->wrapped ? "/wrapped" : "",
               tool->is_format ? "/format" : "", tool->strict == CHAT_YES ? "/strict" : "");
    if (!text_is_absent(tool->description)) {
        buf_append_byte(out, '\'');
        text_append_plain(out, tool->description);
        buf_append_byte(out, '\'');
    }
    buf_append_byte(out, ' ');
}

static void print_choice(const struct chat_request *r, struct buf *out)
{
    static const char *const names[] = {"", "auto", "none", "required", "one", "auto", "required"};

    if (r->choice) {
        buf_append_str(out, names[r->choice]);
        for (size_t i = 0; r->choice >= CHOICE_ONE && i < r->choice_count; i++)
            buf_printf(out, "=%.*s", SLICE_ARG(r->choice_names[i]));
        buf_append_byte(out, ' ');
    }
    if (r->parallel)
        buf_append_str(out, r->parallel == CHAT_NO ? "serial " : "parallel ");
}

static void print_format(const struct chat_request *r, struct buf *out)
{
    static const char *const names[] = {"", "text", "json ", "schema "};

    buf_append_str(out, names[r->format.kind]);
    if (r->format.kind != FORMAT_SCHEMA)
        return;
    put(out, r->format.name);
    put(out, r->format.sent_schema);
    buf_printf(out, "%s%s ", r->format.wrapped ? "/wrapped" : "",
               r->format.strict == CHAT_YES  ? "/strict"
               : r->format.strict == CHAT_NO ? "/loose"
                                             : "");
}

/* Tools, choice, format, and the conversation without its list of tools. */
static const char *print(struct chat_request *r, struct buf *out)
{
    struct buf rest = {0};
    struct list tools;

    buf_clear(out);
    list_for_each(at, &r->tools) {
        const struct chat_tool *tool = list_entry(at, struct chat_tool, link);
        if (!tool->withheld)
            print_tool(tool, out);
    }
    print_choice(r, out);
    print_format(r, out);
    list_init(&tools);
    list_append(&tools, &r->tools);
    put(out, slice_str(kit_print(r, &rest)));
    list_append(&r->tools, &tools);
    buf_release(&rest);
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

static void read_request(enum dialect client, const char *text, struct chat_request *r)
{
    const struct chat_seal seal = {.tenant = SLICE("1")};
    struct slice body = arena_dup(r->arena, slice_str(text));
    struct err_info e = {0};
    struct json *tree;

    for (char *c = (char *)(uintptr_t)body.ptr; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (json_parse(r->arena, body, &tree, &e) != ERR_NONE ||
        readers[client](tree, &seal, r, &e) != ERR_NONE)
        fail_msg("%s: %s", e.text, text);
}

static void test_cases(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = {.dialect = cases[i].upstream,
                                .host = cases[i].host,
                                .model = slice_str(cases[i].model)};
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        t.gates = chat_model_find(t.dialect, t.model);
        arena_init(&a, 0);
        chat_request_init(&r, &a, cases[i].client);
        read_request(cases[i].client, cases[i].in, &r);
        if (shape_tools(&r, &t, &e) != ERR_NONE) {
            if (cases[i].notes[0] != '!' || strcmp(e.text, cases[i].notes + 1) != 0)
                fail_msg("%s: %s", cases[i].why, e.text);
        } else {
            if (strcmp(print(&r, &out), cases[i].out) != 0)
                fail_msg("%s: got\n%s\nnot\n%s", cases[i].why, buf_peek(&out).ptr, cases[i].out);
            if (strcmp(kit_print_notes(&r, &out), cases[i].notes) != 0)
                fail_msg("%s: notes %s", cases[i].why, buf_peek(&out).ptr);
        }
        arena_release(&a);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests_name("shape_tools", tests, NULL, NULL);
}
