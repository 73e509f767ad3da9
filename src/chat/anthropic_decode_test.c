/* anthropic_decode_test.c - answers in Anthropic's Messages, and the events that they are. */
#include "chat/anthropic_test_kit.h"

static const char *fold_stream(struct arena *a, struct slice text, size_t cut)
{
    struct hearing h = {.a = a, .folds = true};

    decode_stream(text, cut, &(struct chat_sink){hearing_take, &h});
    return hearing_end(&h);
}

static const char *fold_body(struct arena *a, struct slice body)
{
    struct hearing h = {.a = a, .folds = true};

    decode_body(body, &(struct chat_sink){hearing_take, &h});
    return hearing_end(&h);
}

/* A stream and a whole answer are the same events. */
static void test_fixtures(void **state)
{
    size_t both = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fixtures); i++) {
        struct json *fixture;
        struct slice stream, body;
        struct arena a;

        arena_init(&a, 0);
        fixture = fixture_read(&a, fixtures[i]);
        stream = fixture_stream(&a, fixture);
        body = fixture_body(fixture);
        if (stream.len && body.len) {
            const char *whole = fold_body(&a, body);
            assert_non_null(strstr(whole, "END"));
            assert_string_equal(fold_stream(&a, stream, stream.len), whole);
            both++;
        }
        arena_release(&a);
    }
    assert_int_equal(both, ARRAY_LEN(fixtures) - 2);
}

static void test_any_cut(void **state)
{
    static const char *const names[] = {"05-parallel-calls", "07-thinking-tools",
                                        "14-stream-error"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct arena a;
        struct slice text;
        const char *whole;

        arena_init(&a, 0);
        text = fixture_stream(&a, fixture_read(&a, names[i]));
        whole = fold_stream(&a, text, text.len);
        for (size_t cut = 0; cut < text.len; cut++) {
            if (strcmp(fold_stream(&a, text, cut), whole) != 0)
                fail_msg("%s: other events when cut at %zu", names[i], cut);
        }
        arena_release(&a);
    }
}

#define START "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"m\"}}\n"
#define STOP  "{\"type\":\"message_stop\"}\n"

/* Payloads, one a line, and the events. */
static const struct {
    const char *why, *payloads, *events;
} streams[] = {
#define CASE(why, payloads, events) {why, payloads, events},
#include "chat/anthropic_decode_test.def"
#undef CASE
};

static void check(const char *why, const char *got, const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s:\n%s", why, got);
}

static void test_streams(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(streams); i++) {
        struct slice rest = slice_str(streams[i].payloads);
        struct buf text = {0};
        struct arena a;
        struct hearing h = {.a = &a};

        arena_init(&a, 0);
        while (rest.len)
            sse_write(&text, SLICE("message"), slice_cut(rest, '\n', &rest));
        decode_stream(buf_peek(&text), buf_len(&text), &(struct chat_sink){hearing_take, &h});
        check(streams[i].why, hearing_end(&h), streams[i].events);
        buf_release(&text);
        arena_release(&a);
    }
}

static const struct {
    const char *why, *body, *events;
} bodies[] = {
#define CASE(why, body, events) {why, body, events},
#include "chat/anthropic_decode_test_bodies.def"
#undef CASE
};

static void test_bodies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct arena a;
        struct hearing h = {.a = &a};

        arena_init(&a, 0);
        decode_body(slice_str(bodies[i].body), &(struct chat_sink){hearing_take, &h});
        check(bodies[i].why, hearing_end(&h), bodies[i].events);
        arena_release(&a);
    }
}

/* Blocks that are never stopped do not pile up, and their parts are closed. */
static void test_many_blocks(void **state)
{
    struct buf text = {0};
    struct arena a;
    struct hearing h = {.a = &a};
    const char *said;

    (void)state;
    arena_init(&a, 0);
    for (unsigned i = 0; i < 100; i++) {
        struct buf payload = {0};
        buf_printf(&payload,
                   "{\"type\":\"content_block_start\",\"index\":%u,\"content_block\":"
                   "{\"type\":\"text\",\"text\":\"x\"}}",
                   i);
        sse_write(&text, SLICE(""), buf_peek(&payload));
        buf_release(&payload);
    }
    sse_write(&text, SLICE(""), SLICE(STOP));
    decode_stream(buf_peek(&text), buf_len(&text), &(struct chat_sink){hearing_take, &h});
    said = hearing_end(&h);
    assert_non_null(strstr(said, "CLOSE 99\n"));
    assert_non_null(strstr(said, "END"));
    buf_release(&text);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixtures),    cmocka_unit_test(test_any_cut),
        cmocka_unit_test(test_streams),     cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_many_blocks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
