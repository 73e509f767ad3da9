/* anthropic_write_test.c - requests in Anthropic's Messages as they are written. */
#include "chat/anthropic_test_kit.h"

static const struct chat_target target = {
    .dialect = DIALECT_ANTHROPIC, .model = {"test-model", 10}
};

/* What shape says for a model that takes everything as it is. */
static void let_through(struct chat_request *r)
{
    if (!r->reasoning.adaptive)
        return;
    r->reasoning.sent = THINKING_ADAPTIVE;
    r->reasoning.sent_effort = r->reasoning.effort;
    r->reasoning.sent_show = r->reasoning.show == CHAT_YES;
}

static void check_same(struct arena *a, const struct json *request)
{
    struct err_info e = {0};
    struct chat_request r;
    struct buf out = {0};

    chat_request_init(&r, a, DIALECT_ANTHROPIC);
    assert_int_equal(codec_anthropic.read_request(request, test_seal(), &r, &e), ERR_NONE);
    assert_true(list_is_empty(&r.notes));
    let_through(&r);
    codec_anthropic.write_request(&r, &target, &out);
    assert_string_equal(compact(a, buf_peek(&out)), compact(a, request->source));
    buf_release(&out);
}

/* Read and written again, every recorded request is the same. */
static void test_fixtures(void **state)
{
    size_t followups = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct json *fixture, *followup;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        followup = json_member(fixture, SLICE("followup_request"));
        check_same(&a, json_member(fixture, SLICE("request")));
        if (followup) {
            check_same(&a, followup);
            followups++;
        }
        arena_release(&a);
    }
    assert_int_equal(followups, 1);
}

/* The conversation in the kit's words, and the members `system` and `messages`. */
static const struct {
    const char *why, *turns, *written;
} turns[] = {
#define CASE(why, turns, written) {why, turns, written},
#include "chat/anthropic_write_test_turns.def"
#undef CASE
};

static void test_turns(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(turns); i++) {
        struct chat_target counting = target;
        struct chat_request r;
        struct arena a;
        const char *want;

        arena_init(&a, 0);
        counting.counting = true;
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        kit_read(&r, turns[i].turns);
        buf_clear(&out);
        codec_anthropic.write_request(&r, &counting, &out);
        want = arena_printf(&a, "{\"model\":\"test-model\",%s}", turns[i].written).ptr;
        buf_append_byte(&out, '\0');
        if (strcmp(buf_peek(&out).ptr, want) != 0)
            fail_msg("%s: %s", turns[i].why, buf_peek(&out).ptr);
        arena_release(&a);
    }
    buf_release(&out);
}

typedef void set_fn(struct chat_request *r, struct chat_target *t);

static struct chat_tool *add_function(struct chat_request *r, enum chat_tool_kind kind,
                                      struct slice name)
{
    struct chat_tool *tool = chat_tool_new(r, kind);

    tool->name = name;
    return tool;
}

static void set_everything(struct chat_request *r, struct chat_target *t)
{
    static struct chat_text stops[] = {
        {{"a", 1},   false},
        {{"\\n", 2}, true }
    };

    t->stream = true;
    r->max_output = 9;
    r->temperature = SLICE("0.50");
    r->top_p = SLICE("1");
    r->top_k = SLICE("3");
    r->stops = stops;
    r->stop_count = ARRAY_LEN(stops);
    r->user_id = text_plain(SLICE("u"));
    r->tier = TIER_DEFAULT;
    r->auto_cache = CACHE_1H;
}

static void set_counting(struct chat_request *r, struct chat_target *t)
{
    set_everything(r, t);
    t->counting = true;
}

static void set_choice(struct chat_request *r, enum chat_choice choice, enum chat_flag parallel)
{
    static struct slice name = {"a.b", 3};

    add_function(r, TOOL_FUNCTION, SLICE("a.b"))->sent_name = SLICE("a_b");
    r->choice = choice;
    r->choice_names = &name;
    r->choice_count = 1;
    r->parallel = parallel;
}

static void set_one(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    set_choice(r, CHOICE_ONE, CHAT_UNSET);
}

static void set_serial(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    set_choice(r, CHOICE_UNSET, CHAT_NO);
}

static void set_none(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    set_choice(r, CHOICE_NONE, CHAT_NO);
}

static void set_allowed(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    set_choice(r, CHOICE_ALLOWED_REQUIRED, CHAT_YES);
    add_function(r, TOOL_FUNCTION, SLICE("c"))->withheld = true;
}

static void set_tools(struct chat_request *r, struct chat_target *t)
{
    struct chat_tool *tool = add_function(r, TOOL_FUNCTION, SLICE("f"));

    (void)t;
    tool->description = text_plain(SLICE("does \"f\""));
    tool->schema = SLICE("{\"a\":1}");
    tool->sent_schema = SLICE("{\"a\":2}");
    tool->strict = CHAT_YES;
    tool->cache = CACHE_5M;
    add_function(r, TOOL_CUSTOM, SLICE("g"))->strict = CHAT_NO;
    tool = chat_tool_new(r, TOOL_WEB_SEARCH);
    tool->search.max_uses = 2;
    tool->search.allowed_domains = SLICE("[\"x\"]");
    tool->search.user_location = SLICE("{\"city\":\"Y\",\"type\":\"exact\"}");
    chat_tool_new(r, TOOL_WEB_FETCH)->search.blocked_domains = SLICE("[\"z\"]");
    chat_tool_new(r, TOOL_CODE_EXECUTION);
    tool = chat_tool_new(r, TOOL_SERVER);
    tool->vendor = VENDOR_OPENAI;
    tool->raw = SLICE("{\"type\":\"shell\"}");
    tool = chat_tool_new(r, TOOL_SERVER);
    tool->vendor = VENDOR_ANTHROPIC;
    tool->raw = SLICE("{\"type\":\"bash_1\"}");
}

static void set_no_tools(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    set_choice(r, CHOICE_AUTO, CHAT_NO);
    list_entry(r->tools.next, struct chat_tool, link)->withheld = true;
}

static void set_budget(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->reasoning.sent = THINKING_BUDGET;
    r->reasoning.sent_budget = 2000;
    r->reasoning.sent_show = true;
}

static void set_hidden(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->reasoning.sent = THINKING_ADAPTIVE;
    r->reasoning.show = CHAT_NO;
}

static void set_shown(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->reasoning.sent = THINKING_ADAPTIVE;
    r->reasoning.sent_show = true;
    r->reasoning.sent_effort = EFFORT_XHIGH;
}

static void set_disabled(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->reasoning.sent = THINKING_DISABLED;
    r->reasoning.show = CHAT_NO;
}

static void set_between(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->reasoning.sent = THINKING_BETWEEN_TOOLS;
}

static void set_schema(struct chat_request *r, struct chat_target *t)
{
    (void)t;
    r->format.kind = FORMAT_SCHEMA;
    r->format.schema = SLICE("{\"a\":1}");
    r->format.sent_schema = SLICE("{\"a\":2}");
}

/* A tool stands for the schema. */
static void set_emulated(struct chat_request *r, struct chat_target *t)
{
    set_schema(r, t);
    add_function(r, TOOL_FUNCTION, SLICE("json_response"))->is_format = true;
}

static const struct {
    set_fn *set;
    const char *written;
} settings[] = {
#define SETTING(set, written) {set, written},
#include "chat/anthropic_write_test_fields.def"
#undef SETTING
};

static void test_fields(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct chat_target t = target;
        struct chat_request r;
        struct arena a;
        struct slice got, head;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        settings[i].set(&r, &t);
        buf_clear(&out);
        codec_anthropic.write_request(&r, &t, &out);
        got = buf_peek(&out);
        head = SLICE("{\"model\":\"test-model\",");
        assert_true(slice_starts(got, head));
        got = arena_dup(&a, slice_sub(got, head.len, got.len - head.len - 1));
        assert_string_equal(got.ptr, settings[i].written);
        arena_release(&a);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
