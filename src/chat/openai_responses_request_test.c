/* openai_responses_request_test.c - Responses requests: read, and written again. */
#include "chat/model.h"
#include "chat/openai_responses_test_kit.h"
#include "chat/shape_test_kit.h"

static const struct chat_model plain_model = {.family = FAMILY_OPENAI},
                               reasoning_model = {.family = FAMILY_OPENAI,
                                                  .traits = TRAIT_REASONING};

static const struct chat_target plain_target = {
    .dialect = DIALECT_OPENAI_RESPONSES,
    .host = HOST_VENDOR,
    .model = {"test-model", 10},
    .gates = &plain_model
};

static struct key_hasher hasher;
static struct chat_seal seal = {
    &hasher, {"7", 1}
};

static enum err read_request(struct arena *a, struct slice body, struct chat_request *r,
                             struct err_info *e)
{
    chat_request_init(r, a, DIALECT_OPENAI_RESPONSES);
    return codec_openai_responses.read_request(kit_parse(a, body), &seal, r, e);
}

/* What shape does for a target that takes everything. */
static void shape_nothing(struct chat_request *r)
{
    if (r->reasoning.effort != EFFORT_UNSET)
        r->reasoning.sent = THINKING_EFFORT;
    r->reasoning.sent_effort = r->reasoning.effort;
    r->reasoning.sent_show = r->reasoning.show == CHAT_YES;
}

static struct slice written(struct arena *a, const struct chat_request *r,
                            const struct chat_target *t)
{
    struct buf out = {0};
    struct slice text;

    codec_openai_responses.write_request(r, t, &out);
    text = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return text;
}

/* Ids of messages are left out: nothing hangs on them. */
static void forget_message_ids(struct json *request)
{
    json_for_each(item, json_member(request, SLICE("input"))) {
        if (json_member(item, SLICE("role")))
            json_remove(item, SLICE("id"));
    }
}

static void check_comes_back(struct arena *a, struct json *body, const char *why)
{
    struct err_info e = {0};
    struct chat_request r;
    struct slice text;

    if (read_request(a, body->source, &r, &e) != ERR_NONE)
        fail_msg("%s: %s", why, e.text);
    shape_nothing(&r);
    text = written(a, &r, &plain_target);
    forget_message_ids(body);
    if (!kit_same(a, kit_parse(a, text), body))
        fail_msg("%s:\n%.*s\n%.*s", why, SLICE_ARG(text), SLICE_ARG(body->source));
    assert_true(list_is_empty(&r.notes));
}

static void test_fixtures(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kit_fixtures); i++) {
        struct json *v, *followup;
        struct arena a;

        arena_init(&a, 0);
        v = kit_fixture(&a, kit_fixtures[i]);
        followup = json_member(v, SLICE("followup_request"));
        check_comes_back(&a, json_member(v, SLICE("request")), kit_fixtures[i]);
        if (followup)
            check_comes_back(&a, followup, "the next request");
        arena_release(&a);
    }
}

/* What is read, in the notation of shape's tests. */
static const struct {
    const char *why, *body, *read;
} reads[] = {
#define READS(why, body, read) {why, body, read},
#include "chat/openai_responses_request_test.def"
};

static void test_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct err_info e = {0};
        struct buf out = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        if (read_request(&a, slice_str(reads[i].body), &r, &e) != ERR_NONE)
            fail_msg("%s: %s", reads[i].why, e.text);
        if (strcmp(kit_print(&r, &out), reads[i].read) != 0)
            fail_msg("%s:\n%s\n%s", reads[i].why, buf_peek(&out).ptr, reads[i].read);
        buf_release(&out);
        arena_release(&a);
    }
}

/* What is wrong with a request, and where. */
static const struct {
    const char *body, *text;
} errors[] = {
#define WRONG(body, text) {body, text},
#include "chat/openai_responses_request_test.def"
};

static void test_errors(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        if (read_request(&a, slice_str(errors[i].body), &r, &e) != ERR_BAD_REQUEST)
            fail_msg("%s: taken", errors[i].body);
        if (strncmp(e.text, errors[i].text, strlen(errors[i].text)) != 0)
            fail_msg("%s:\n%s\n%s", errors[i].body, e.text, errors[i].text);
        arena_release(&a);
    }
}

/* Requests that are written otherwise than they were read, or show what a writer does. */
static const struct {
    const char *why, *body, *out;
} writes[] = {
#define WRITES(why, body, out) {why, body, out},
#include "chat/openai_responses_request_test.def"
};

static void test_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        struct err_info e = {0};
        struct chat_request r;
        struct slice text;
        struct arena a;

        arena_init(&a, 0);
        if (read_request(&a, slice_str(writes[i].body), &r, &e) != ERR_NONE)
            fail_msg("%s: %s", writes[i].why, e.text);
        shape_nothing(&r);
        text = written(&a, &r, &plain_target);
        if (!kit_same(&a, kit_parse(&a, text), kit_parse(&a, slice_str(writes[i].out))))
            fail_msg("%s:\n%.*s\n%s", writes[i].why, SLICE_ARG(text), writes[i].out);
        arena_release(&a);
    }
}

/* The same conversation for hosts and models that differ. */
static void check_written(const struct chat_target *t, const char *body, const char *out)
{
    struct err_info e = {0};
    struct chat_request r;
    struct slice text;
    struct arena a;

    arena_init(&a, 0);
    assert_int_equal(read_request(&a, slice_str(body), &r, &e), ERR_NONE);
    shape_nothing(&r);
    text = written(&a, &r, t);
    if (!kit_same(&a, kit_parse(&a, text), kit_parse(&a, slice_str(out))))
        fail_msg("%.*s\n%s", SLICE_ARG(text), out);
    arena_release(&a);
}

static void test_targets(void **state)
{
    static const char mid[] =
        "{\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"system\",\"content\":\"b\"}],"
        "\"max_output_tokens\":100,\"temperature\":0.5}";
    struct chat_target t = plain_target;

    (void)state;
    t.gates = &reasoning_model;
    t.stream = true;
    check_written(
        &t, "{\"input\":\"a\",\"store\":true,\"max_output_tokens\":1}",
        "{\"model\":\"test-model\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
        "\"content\":[{\"type\":\"input_text\",\"text\":\"a\"}]}],\"max_output_tokens\":16,"
        "\"store\":true,\"include\":[\"reasoning.encrypted_content\"],\"stream\":true}");
    t = plain_target;
    t.host = HOST_COMPATIBLE;
    t.counting = true;
    check_written(&t, mid,
                  "{\"model\":\"test-model\",\"input\":[{\"type\":\"message\",\"role\":\"user\","
                  "\"content\":[{\"type\":\"input_text\",\"text\":\"a\"}]},{\"type\":\"message\","
                  "\"role\":\"system\",\"content\":[{\"type\":\"input_text\",\"text\":\"b\"}]}]}");
}

/* A secret of another vendor comes back out of its envelope, one that was changed does not. */
static void test_envelopes(void **state)
{
    struct chat_reasoning sealed = {
        .secret = SLICE("c2ln"), .vendor = VENDOR_ANTHROPIC, .kind = REASONING_SUMMARY};
    struct buf body = {0}, envelope = {0}, out = {0};
    unsigned char subkey[32] = {1};
    struct err_info e = {0};
    struct chat_request r;
    struct arena a;

    (void)state;
    key_hasher_init(&hasher, subkey, sizeof(subkey));
    envelope_write(&seal, &sealed, &envelope);
    arena_init(&a, 0);
    for (int changed = 0; changed < 2; changed++) {
        buf_clear(&body);
        buf_printf(&body,
                   "{\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{\"type\":"
                   "\"summary_text\",\"text\":\"hm\"}],\"encrypted_content\":\"%.*s%s\"}]}",
                   SLICE_ARG(buf_peek(&envelope)), changed ? "0" : "");
        assert_int_equal(read_request(&a, buf_peek(&body), &r, &e), ERR_NONE);
        assert_string_equal(kit_print(&r, &out),
                            changed ? "a[summary('hm')]" : "a[summary('hm',anthropic:c2ln)]");
    }
    arena_release(&a);
    buf_release(&body);
    buf_release(&envelope);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures), cmocka_unit_test(test_reads),
        cmocka_unit_test(test_errors),   cmocka_unit_test(test_writes),
        cmocka_unit_test(test_targets),  cmocka_unit_test(test_envelopes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
