/* shape_fields_test.c - what becomes of each field at each upstream. */
#include "chat/shape_test_kit.h"

#include "chat/field.h"
#include "chat/shape.h"
#include "json/raw.h"

/* "temperature=1.5 stop=a|b n=2", and so it is printed again. */
static const struct {
    const char *why;
    enum dialect client, upstream;
    enum chat_host host;
    const char *model, *in, *out, *notes; // `notes` beginning with '!': the error
} cases[] = {
#define CASE(why, client, upstream, host, model, in, out, notes) \
    {why, DIALECT_##client, DIALECT_##upstream, HOST_##host, model, in, out, notes},
#include "chat/shape_fields_test.def"
#undef CASE
};

static const struct {
    const char *name;
    size_t offset;
} raws[] = {
#define RAW(name)                                  \
    {                                              \
#name, offsetof(struct chat_request, name) \
    }
    RAW(temperature), RAW(top_p),      RAW(top_k),        RAW(presence_penalty),
    RAW(seed),        RAW(verbosity),  RAW(metadata),     RAW(frequency_penalty),
    RAW(store),       RAW(modalities), RAW(conversation), RAW(previous_response_id),
#undef RAW
};

static const char *const tiers[] = {"", "auto", "default", "flex", "priority", "scale"};

static struct slice *raw_at(struct chat_request *r, size_t i)
{
    return (struct slice *)(void *)((char *)r + raws[i].offset);
}

static void set_stops(struct chat_request *r, struct slice value)
{
    r->stops = arena_array(r->arena, struct chat_text, 8);
    while (value.len) {
        r->stops[r->stop_count++] = (struct chat_text){slice_cut(value, '|', &value), true};
    }
}

static void set(struct chat_request *r, struct slice key, struct slice value)
{
    int64_t number = 0;

    json_int(value, &number);
    for (size_t i = 0; i < ARRAY_LEN(raws); i++) {
        if (slice_eq(key, slice_str(raws[i].name))) {
            *raw_at(r, i) = value;
            return;
        }
    }
    if (slice_eq(key, SLICE("stop"))) {
        set_stops(r, value);
    } else if (slice_eq(key, SLICE("n"))) {
        r->n = number;
    } else if (slice_eq(key, SLICE("max"))) {
        r->max_output = number;
    } else if (slice_eq(key, SLICE("logprobs"))) {
        r->logprobs = number ? CHAT_YES : CHAT_NO;
        r->top_logprobs = number;
    } else if (slice_eq(key, SLICE("user"))) {
        r->user_id = (struct chat_text){value, true};
    } else if (slice_eq(key, SLICE("cache_key"))) {
        r->cache_key = (struct chat_text){value, true};
    } else if (slice_eq(key, SLICE("tier"))) {
        r->tier = (enum chat_tier)KIT_INDEX(tiers, value);
    } else {
        chat_ext_add(r, r->dialect, key, value);
    }
}

static const char *print(struct chat_request *r, struct buf *out)
{
    buf_clear(out);
    for (size_t i = 0; i < ARRAY_LEN(raws); i++)
        if (raw_at(r, i)->len)
            buf_printf(out, " %s=%.*s", raws[i].name, SLICE_ARG(*raw_at(r, i)));
    for (size_t i = 0; i < r->stop_count; i++)
        buf_printf(out, "%s%.*s", i ? "|" : " stop=", SLICE_ARG(r->stops[i].s));
    if (r->n)
        buf_printf(out, " n=%d", (int)r->n);
    if (r->max_output)
        buf_printf(out, " max=%d", (int)r->max_output);
    if (r->logprobs == CHAT_YES)
        buf_printf(out, " logprobs=%d", (int)r->top_logprobs);
    if (!text_is_absent(r->user_id))
        buf_printf(out, " user=%.*s", SLICE_ARG(r->user_id.s));
    if (!text_is_absent(r->cache_key))
        buf_printf(out, " cache_key=%.*s", SLICE_ARG(r->cache_key.s));
    if (r->tier != TIER_UNSET)
        buf_printf(out, " tier=%s", tiers[r->tier]);
    list_for_each(at, &r->tools)
        buf_printf(out, " tool=%.*s", SLICE_ARG(list_entry(at, struct chat_tool, link)->type));
    buf_append_byte(out, '\0');
    return buf_len(out) > 1 ? buf_peek(out).ptr + 1 : "";
}

static void test_fields(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_target t = {.dialect = cases[i].upstream, .host = cases[i].host};
        struct slice in = slice_str(cases[i].in);
        struct chat_request r;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, cases[i].client);
        t.model = slice_str(cases[i].model);
        t.gates = chat_model_find(t.dialect, t.model);
        while (in.len) {
            struct slice value, key = slice_cut(slice_cut(in, ' ', &in), '=', &value);
            set(&r, key, value);
        }
        if (shape_fields(&r, &t, &e) != ERR_NONE) {
            assert_int_equal(e.code, ERR_BAD_REQUEST);
            if (cases[i].notes[0] != '!' || !strstr(e.text, cases[i].notes + 1))
                fail_msg("%s: %s", cases[i].why, e.text);
        } else {
            if (strcmp(print(&r, &out), cases[i].out) != 0)
                fail_msg("%s: %s", cases[i].why, print(&r, &out));
            if (strcmp(kit_print_notes(&r, &out), cases[i].notes) != 0)
                fail_msg("%s: notes %s", cases[i].why, kit_print_notes(&r, &out));
        }
        arena_release(&a);
    }
    buf_release(&out);
}

/* To count tokens nothing goes that only makes sense for an answer, and nothing is said of it. */
static void test_counting(void **state)
{
    struct chat_target t = {.dialect = DIALECT_ANTHROPIC, .counting = true};
    struct chat_request r;
    struct err_info e = {0};
    struct arena a;
    struct buf out = {0};

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    t.gates = chat_model_find(t.dialect, SLICE("claude-opus-5"));
    set(&r, SLICE("n"), SLICE("2"));
    set(&r, SLICE("seed"), SLICE("2"));
    set(&r, SLICE("max"), SLICE("100"));
    set(&r, SLICE("stop"), SLICE("a"));
    assert_int_equal(shape_fields(&r, &t, &e), ERR_NONE);
    assert_string_equal(print(&r, &out), "");
    assert_true(list_is_empty(&r.notes));
    arena_release(&a);
    buf_release(&out);
}

static void test_names(void **state)
{
    (void)state;
    for (int d = 0; d < DIALECT_COUNT; d++)
        for (int f = 0; f < FIELD_COUNT; f++)
            assert_true(chat_field_name((enum dialect)d, (enum chat_field)f)[0]);
    assert_string_equal(chat_field_name(DIALECT_GEMINI, FIELD_SEED), "generationConfig.seed");
    assert_string_equal(chat_field_name(DIALECT_OPENAI, FIELD_STOP), "stop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_counting),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
