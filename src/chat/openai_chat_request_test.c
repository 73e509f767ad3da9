/* openai_chat_request_test.c - Chat Completions requests: read, and written again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/openai_chat_inside.h"
#include "chat/openai_chat_test_kit.h"

/* What shape does for a target that takes everything. */
static void shape_nothing(struct chat_request *r)
{
    if (r->reasoning.effort != EFFORT_UNSET)
        r->reasoning.sent = THINKING_EFFORT;
    r->reasoning.sent_effort = r->reasoning.effort;
}

static const struct chat_model plain_model = {.family = FAMILY_OPENAI},
                               reasoning_model = {.family = FAMILY_OPENAI,
                                                  .traits = TRAIT_REASONING};

static enum err translate(struct arena *a, const struct json *body, const struct chat_target *t,
                          struct chat_request *r, struct buf *out, struct err_info *e)
{
    chat_request_init(r, a, DIALECT_OPENAI_CHAT);
    if (openai_chat_read_request(body, NULL, r, e) != ERR_NONE)
        return e->code;
    shape_nothing(r);
    openai_chat_write_request(r, t, out);
    return ERR_NONE;
}

static void check_comes_back(struct arena *a, const struct json *body, const char *why)
{
    struct chat_target t = {
        .host = HOST_VENDOR, .model = SLICE("test-model"), .gates = &plain_model};
    struct buf out = {0}, got = {0}, want = {0};
    struct chat_request r;
    struct err_info e = {0};

    if (translate(a, body, &t, &r, &out, &e) != ERR_NONE)
        fail_msg("%s: %s", why, e.text);
    kit_compact(buf_peek(&out), &got); // schemas go as they were written
    kit_compact(body->source, &want);
    if (!slice_eq(buf_peek(&got), buf_peek(&want)))
        fail_msg("%s:\n%.*s\n%.*s", why, SLICE_ARG(buf_peek(&got)), SLICE_ARG(buf_peek(&want)));
    assert_true(list_is_empty(&r.notes));
    buf_release(&out);
    buf_release(&got);
    buf_release(&want);
}

static void test_fixtures_come_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct arena a;
        struct json *fixture;

        arena_init(&a, 0);
        fixture = kit_fixture(&a, kit_fixtures[i], "chat");
        check_comes_back(&a, json_member(fixture, SLICE("request")), kit_fixtures[i]);
        if (json_member(fixture, SLICE("followup_request")))
            check_comes_back(&a, json_member(fixture, SLICE("followup_request")), "follow-up");
        arena_release(&a);
    }
}

static const struct {
    const char *why;
    enum chat_host host;
    const struct chat_model *gates;
    bool stream;
    const char *in, *out, *notes;
} cases[] = {
#include "chat/openai_chat_request_test.def"
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = {.host = cases[i].host,
                                .model = SLICE("m"),
                                .gates = cases[i].gates,
                                .stream = cases[i].stream};
        struct buf out = {0}, notes = {0};
        struct err_info e = {0};
        struct chat_request r;
        struct json *body;
        struct arena a;

        arena_init(&a, 0);
        if (json_parse(&a, slice_str(cases[i].in), &body, &e) != ERR_NONE ||
            translate(&a, body, &t, &r, &out, &e) != ERR_NONE)
            fail_msg("%s: %s", cases[i].why, e.text);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
            fail_msg("%s:\n%.*s\n%s", cases[i].why, SLICE_ARG(buf_peek(&out)), cases[i].out);
        list_for_each(at, &r.notes)
            buf_printf(&notes, "%.*s ", SLICE_ARG(list_entry(at, struct chat_note, link)->field));
        if (!slice_eq(buf_peek(&notes), slice_str(cases[i].notes)))
            fail_msg("%s: notes %.*s", cases[i].why, SLICE_ARG(buf_peek(&notes)));
        buf_release(&out);
        buf_release(&notes);
        arena_release(&a);
    }
}

static const struct {
    const char *in, *text;
} errors[] = {
#include "chat/openai_chat_error_test.def"
};

/* What hosts without a step "none" take instead; only shape asks for it. */
static void test_thinking_off(void **state)
{
    struct chat_target t = {.host = HOST_COMPATIBLE, .model = SLICE("m"), .gates = &plain_model};
    struct buf out = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_ANTHROPIC);
    r.reasoning.sent = THINKING_DISABLED;
    openai_chat_write_request(&r, &t, &out);
    assert_true(slice_find_slice(buf_peek(&out), SLICE("\"thinking\":{\"type\":\"disabled\"}")) !=
                SIZE_MAX);
    assert_true(slice_find_slice(buf_peek(&out), SLICE("reasoning_effort")) == SIZE_MAX);
    buf_release(&out);
    arena_release(&a);
}

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct json *body;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        assert_int_equal(json_parse(&a, slice_str(errors[i].in), &body, &e), ERR_NONE);
        if (openai_chat_read_request(body, NULL, &r, &e) != ERR_BAD_REQUEST)
            fail_msg("%s: no error", errors[i].in);
        if (!slice_eq(slice_str(e.text), slice_str(errors[i].text)))
            fail_msg("%s:\n%s\n%s", errors[i].in, e.text, errors[i].text);
        arena_release(&a);
    }
}

/* What does not show in what is written. */
static void test_read(void **state)
{
    static const char body[] =
        "{\"messages\":[{\"role\":\"assistant\",\"tool_calls\":["
        "{\"id\":\"a\",\"function\":{\"name\":\"f\"}},"
        "{\"id\":\"b\",\"custom\":{\"name\":\"g\",\"input\":\"x\"}}]},"
        "{\"role\":\"tool\",\"tool_call_id\":\"b\",\"name\":\"g\",\"content\":\"1\"},"
        "{\"role\":\"tool\",\"tool_call_id\":\"a\",\"content\":\"2\"}],"
        "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":2048},\"stream\":true,"
        "\"stream_options\":{\"include_usage\":true},\"store\":false}";
    struct err_info e = {0};
    struct chat_request r;
    struct chat_turn *last;
    struct json *json;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    assert_int_equal(json_parse(&a, slice_str(body), &json, &e), ERR_NONE);
    assert_int_equal(openai_chat_read_request(json, NULL, &r, &e), ERR_NONE);
    last = list_entry(r.turns.prev, struct chat_turn, link);
    assert_int_equal(last->role, CHAT_USER);
    assert_true(list_entry(last->items.next, struct chat_item, link)->result.custom);
    assert_true(
        slice_eq(list_entry(last->items.next, struct chat_item, link)->result.name, SLICE("g")));
    assert_false(list_entry(last->items.prev, struct chat_item, link)->result.custom);
    assert_int_equal(r.reasoning.budget, 2048);
    assert_int_equal(r.reasoning.show, CHAT_YES);
    assert_true(r.stream && r.include_usage);
    assert_true(slice_eq(r.store, SLICE("false")));
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_fixtures_come_back),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_thinking_off),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_read),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
