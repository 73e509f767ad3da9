/* anthropic_read_test.c - what is read in requests of Anthropic's Messages. */
#include "chat/anthropic_test_kit.h"

static enum err read_text(struct arena *a, const char *body, struct chat_request *r,
                          struct err_info *e)
{
    struct json *tree = NULL;

    chat_request_init(r, a, DIALECT_ANTHROPIC);
    if (json_parse(a, slice_str(body), &tree, e) != ERR_NONE)
        fail_msg("the test's own JSON: %s: %s", e->text, body);
    return codec_anthropic.read_request(tree, test_seal(), r, e);
}

/* Messages as the kit says them. */
static const struct {
    const char *why, *body, *read, *notes;
} turns[] = {
#define CASE(why, body, read, notes) {why, body, read, notes},
#include "chat/anthropic_read_test_turns.def"
#undef CASE
};

static void test_turns(void **state)
{
    struct buf out = {0}, notes = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        if (read_text(&a, turns[i].body, &r, &e) != ERR_NONE)
            fail_msg("%s: %s", turns[i].why, e.text);
        if (strcmp(kit_print(&r, &out), turns[i].read) != 0 ||
            strcmp(kit_print_notes(&r, &notes), turns[i].notes) != 0)
            fail_msg("%s: read %s, notes %s", turns[i].why, buf_peek(&out).ptr,
                     buf_peek(&notes).ptr);
        arena_release(&a);
    }
    buf_release(&out);
    buf_release(&notes);
}

static void put(struct buf *out, const char *name, struct slice s)
{
    if (s.len)
        buf_printf(out, " %s=%.*s", name, SLICE_ARG(s));
}

static void put_int(struct buf *out, const char *name, int64_t value, int64_t unset)
{
    if (value != unset)
        buf_printf(out, " %s=%lld", name, (long long)value);
}

static void put_tool(struct buf *out, const struct chat_tool *tool)
{
    static const char *const kinds[] = {"function", "custom", "search", "fetch", "code", "server"};

    buf_printf(out, " %s(", kinds[tool->kind]);
    buf_append(out, tool->name);
    put(out, "description", tool->description.s);
    put(out, "schema", tool->schema);
    put_int(out, "strict", tool->strict, CHAT_UNSET);
    put_int(out, "cache", tool->cache, CACHE_NONE);
    put(out, "type", tool->type);
    put(out, "allowed", tool->search.allowed_domains);
    put(out, "blocked", tool->search.blocked_domains);
    put(out, "location", tool->search.user_location);
    put_int(out, "uses", tool->search.max_uses, 0);
    put_int(out, "vendor", tool->vendor, VENDOR_NONE);
    put_int(out, "raw", tool->raw.len > 0, false);
    buf_append_byte(out, ')');
}

/* Everything beside the conversation that is not as it was at first. */
static const char *print_fields(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    put_int(out, "max", r->max_output, 0);
    put_int(out, "stream", r->stream, false);
    put(out, "temperature", r->temperature);
    put(out, "top_p", r->top_p);
    put(out, "top_k", r->top_k);
    for (size_t i = 0; i < r->stop_count; i++)
        put(out, "stop", r->stops[i].s);
    put_int(out, "effort", r->reasoning.effort, EFFORT_UNSET);
    put_int(out, "budget", r->reasoning.budget, BUDGET_UNSET);
    put_int(out, "adaptive", r->reasoning.adaptive, false);
    put_int(out, "off", r->reasoning.off, false);
    put_int(out, "show", r->reasoning.show, CHAT_UNSET);
    put_int(out, "format", r->format.kind, FORMAT_UNSET);
    put(out, "schema", r->format.schema);
    put(out, "user", r->user_id.s);
    put_int(out, "tier", r->tier, TIER_UNSET);
    put_int(out, "cache", r->auto_cache, CACHE_NONE);
    put_int(out, "choice", r->choice, CHOICE_UNSET);
    for (size_t i = 0; i < r->choice_count; i++)
        put(out, "name", r->choice_names[i]);
    put_int(out, "parallel", r->parallel, CHAT_UNSET);
    list_for_each(at, &r->tools)
        put_tool(out, list_entry(at, struct chat_tool, link));
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr + (buf_len(out) > 1);
}

static const struct {
    const char *fields, *read, *notes;
} fields[] = {
#define FIELD(fields, read, notes) {fields, read, notes},
#include "chat/anthropic_read_test_fields.def"
#undef FIELD
};

static void test_fields(void **state)
{
    struct buf out = {0}, notes = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;
        const char *got;

        arena_init(&a, 0);
        if (read_text(&a,
                      arena_printf(&a, "{%s,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
                                   fields[i].fields)
                          .ptr,
                      &r, &e) != ERR_NONE)
            fail_msg("%s: %s", fields[i].fields, e.text);
        got = print_fields(&r, &out);
        if (strcmp(got, fields[i].read) != 0 ||
            strcmp(kit_print_notes(&r, &notes), fields[i].notes) != 0)
            fail_msg("%s: read %s, notes %s", fields[i].fields, got, buf_peek(&notes).ptr);
        arena_release(&a);
    }
    buf_release(&out);
    buf_release(&notes);
}

static const struct {
    const char *body, *text;
} refusals[] = {
#define REFUSED(body, text) {body, text},
#include "chat/anthropic_read_test_refusals.def"
#undef REFUSED
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        if (read_text(&a, refusals[i].body, &r, &e) != ERR_BAD_REQUEST)
            fail_msg("taken: %s", refusals[i].body);
        assert_string_equal(e.text, refusals[i].text);
        arena_release(&a);
    }
}

/* A secret of another vendor comes out of its envelope; one that was changed is none. */
static void test_envelopes(void **state)
{
    static const struct {
        bool redacted, spoilt;
        const char *read;
    } cases[] = {
        {false, false, "a[summary('why',openai:s3cret,rs_1,gpt)]"},
        {true,  false, "a[summary(,openai:s3cret,rs_1,gpt)]"     },
        {false, true,  "a[summary('why')]"                       },
        {true,  true,  "a[]"                                     },
    };
    const struct chat_reasoning secret = {.secret = SLICE("s3cret"),
                                          .vendor = VENDOR_OPENAI,
                                          .id = SLICE("rs_1"),
                                          .model = SLICE("gpt")};
    struct buf envelope = {0}, body = {0}, out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        buf_clear(&envelope);
        buf_clear(&body);
        envelope_write(test_seal(), &secret, &envelope);
        if (cases[i].spoilt)
            envelope.data[envelope.end - 1] ^= 1;
        buf_printf(&body, "{\"messages\":[{\"role\":\"assistant\",\"content\":[{%s\"%.*s\"}]}]}",
                   cases[i].redacted ? "\"type\":\"redacted_thinking\",\"data\":"
                                     : "\"type\":\"thinking\",\"thinking\":\"why\",\"signature\":",
                   SLICE_ARG(buf_peek(&envelope)));
        buf_append_byte(&body, '\0');
        assert_int_equal(read_text(&a, buf_peek(&body).ptr, &r, &e), ERR_NONE);
        assert_string_equal(kit_print(&r, &out), cases[i].read);
        arena_release(&a);
    }
    buf_release(&envelope);
    buf_release(&body);
    buf_release(&out);
}

/* Thousands of unknown fields cost no more than their bytes. */
static void test_many_unknown(void **state)
{
    struct buf body = {0}, notes = {0};
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    buf_append_str(&body, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]");
    for (unsigned i = 0; i < 9000; i++)
        buf_printf(&body, ",\"f%u\":1", i);
    buf_append(&body, SLICE("}\0"));
    arena_init(&a, 0);
    assert_int_equal(read_text(&a, buf_peek(&body).ptr, &r, &e), ERR_NONE);
    assert_true(strlen(kit_print_notes(&r, &notes)) < 100);
    arena_release(&a);
    buf_release(&body);
    buf_release(&notes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_envelopes),
        cmocka_unit_test(test_many_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
