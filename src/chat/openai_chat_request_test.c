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

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_fixtures_come_back),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
