/* shape_reasoning_test.c - how much to think at each upstream, and what of the past goes there. */
#include "chat/shape_test_kit.h"

#include "chat/shape.h"
#include "json/raw.h"

static const char *const sents[] = {"-",        "effort",        "level",   "budget",
                                    "adaptive", "between_tools", "disabled"};

/* "effort=high budget=2000 off adaptive show hide temperature=0.5 top_p=0.5 max=2000 tools forced" */
static const struct {
    enum dialect client, upstream;
    const char *model, *in;
    const char *sent; // "budget 1024 show": what goes upstream
    const char *left; // of "max temperature top_p"
    const char *notes;
} controls[] = {
#define CONTROL(client, upstream, model, in, sent, left, notes) \
    {DIALECT_##client, DIALECT_##upstream, model, in, sent, left, notes},
#include "chat/shape_reasoning_test.def"
#undef CONTROL
};

static void set(struct chat_request *r, struct slice key, struct slice value)
{
    int64_t number = 0;

    json_int(value, &number);
    if (slice_eq(key, SLICE("effort")))
        assert_true(chat_effort_parse(value, &r->reasoning.effort));
    else if (slice_eq(key, SLICE("budget")))
        r->reasoning.budget = number;
    else if (slice_eq(key, SLICE("off")))
        r->reasoning.off = true;
    else if (slice_eq(key, SLICE("adaptive")))
        r->reasoning.adaptive = true;
    else if (slice_eq(key, SLICE("show")))
        r->reasoning.show = CHAT_YES;
    else if (slice_eq(key, SLICE("hide")))
        r->reasoning.show = CHAT_NO;
    else if (slice_eq(key, SLICE("temperature")))
        r->temperature = value;
    else if (slice_eq(key, SLICE("top_p")))
        r->top_p = value;
    else if (slice_eq(key, SLICE("max")))
        r->max_output = number;
    else if (slice_eq(key, SLICE("tools")))
        chat_tool_new(r, TOOL_FUNCTION);
    else if (slice_eq(key, SLICE("stream")))
        r->stream = true;
    else if (slice_eq(key, SLICE("forced")))
        r->choice = CHOICE_REQUIRED;
    else if (slice_eq(key, SLICE("history")))
        kit_read(r, "u['q'] a[call(c1,f,'{}')] u[result(c1)['r']]");
    else
        fail_msg("unknown word %.*s", SLICE_ARG(key));
}

static const char *print_sent(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    buf_append_str(out, sents[r->reasoning.sent]);
    if (r->reasoning.sent_effort != EFFORT_UNSET)
        buf_printf(out, " %s", chat_effort_name(r->reasoning.sent_effort));
    if (r->reasoning.sent == THINKING_BUDGET)
        buf_printf(out, " %d", (int)r->reasoning.sent_budget);
    if (r->reasoning.sent_show)
        buf_append_str(out, " show");
    buf_append_byte(out, '\0');
    return buf_peek(out).ptr;
}

static const char *print_left(const struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    if (r->max_output)
        buf_printf(out, " %d", (int)r->max_output);
    if (r->temperature.len)
        buf_printf(out, " t%.*s", SLICE_ARG(r->temperature));
    if (r->top_p.len)
        buf_printf(out, " p%.*s", SLICE_ARG(r->top_p));
    buf_append_byte(out, '\0');
    return buf_len(out) > 1 ? buf_peek(out).ptr + 1 : "";
}

static void test_control(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
        struct chat_target t = {.dialect = controls[i].upstream};
        struct slice in = slice_str(controls[i].in);
        struct chat_request r;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, controls[i].client);
        t.model = slice_str(controls[i].model);
        t.gates = chat_model_find(t.dialect, t.model);
        while (in.len) {
            struct slice value, key = slice_cut(slice_cut(in, ' ', &in), '=', &value);
            set(&r, key, value);
        }
        assert_int_equal(shape_reasoning(&r, &t, &e), ERR_NONE);
        if (strcmp(print_sent(&r, &out), controls[i].sent) != 0)
            fail_msg("%s, %s: %s", controls[i].model, controls[i].in, print_sent(&r, &out));
        if (strcmp(print_left(&r, &out), controls[i].left) != 0)
            fail_msg("%s, %s: left %s", controls[i].model, controls[i].in, print_left(&r, &out));
        if (strcmp(kit_print_notes(&r, &out), controls[i].notes) != 0)
            fail_msg("%s, %s: notes %s", controls[i].model, controls[i].in,
                     kit_print_notes(&r, &out));
        arena_release(&a);
    }
    buf_release(&out);
}

#define SENTINEL "redacted(,gemini:skip_thought_signature_validator)"

static const struct {
    const char *why;
    enum dialect upstream;
    enum chat_host host;
    bool drop_reasoning;
    const char *model, *in, *out;
} histories[] = {
#define HISTORY(why, upstream, host, drop, model, in, out) \
    {why, DIALECT_##upstream, HOST_##host, drop, model, in, out},
#include "chat/shape_thoughts_test.def"
#undef HISTORY
};

static void test_history(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(histories); i++) {
        struct chat_target t = {.dialect = histories[i].upstream,
                                .host = histories[i].host,
                                .drop_reasoning = histories[i].drop_reasoning};
        struct chat_request r;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        t.model = slice_str(histories[i].model);
        t.gates = chat_model_find(t.dialect, t.model);
        kit_read(&r, histories[i].in);
        assert_int_equal(shape_reasoning(&r, &t, &e), ERR_NONE);
        if (strcmp(kit_print(&r, &out), histories[i].out) != 0)
            fail_msg("%s: %s", histories[i].why, kit_print(&r, &out));
        arena_release(&a);
    }
    buf_release(&out);
}

/* The id of a call's item goes with the reasoning that it belongs to. */
static void test_item_ids(void **state)
{
    static const struct {
        bool drop_reasoning;
        const char *ids; // of the calls, in order
    } cases[] = {
        {false, "fc_1,,fc_3,"},
        {true,  ",,,"        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = {.dialect = DIALECT_OPENAI_RESPONSES,
                                .drop_reasoning = cases[i].drop_reasoning};
        struct slice ids = slice_str(cases[i].ids);
        struct chat_request r;
        struct err_info e = {0};
        struct arena a;
        int n = 0;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_RESPONSES);
        t.gates = chat_model_find(t.dialect, SLICE("gpt-6-sol"));
        kit_read(&r, "u['q'] a[summary(x,openai:s,rs_1) call(a,f)] u[result(a)[]] "
                     "a[summary(x,anthropic:s) call(b,f)] u[result(b)[]] "
                     "a[summary(x,openai:s,rs_2)] a[call(c,f)] u[result(c)[]] a[call(d,f)]");
        list_for_each(at, &r.turns) {
            list_for_each(i2, &list_entry(at, struct chat_turn, link)->items) {
                struct chat_item *item = list_entry(i2, struct chat_item, link);
                if (item->kind == CHAT_CALL)
                    item->call.item_id = arena_printf(&a, "fc_%d", ++n);
            }
        }
        assert_int_equal(shape_reasoning(&r, &t, &e), ERR_NONE);
        list_for_each(at, &r.turns) {
            list_for_each(i2, &list_entry(at, struct chat_turn, link)->items) {
                struct chat_item *item = list_entry(i2, struct chat_item, link);
                if (item->kind == CHAT_CALL)
                    assert_true(slice_eq(item->call.item_id, slice_cut(ids, ',', &ids)));
            }
        }
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_item_ids),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
