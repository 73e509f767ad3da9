/* ids_test.c - ids that upstream did not give. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/ids.h"

/* What was once given out stays so: clients send ids back long after. */
static const struct {
    const char *seed;
    uint64_t number;
    const char *id;
} pinned[] = {
#include "chat/ids_test.def"
};

static void test_pinned(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pinned); i++) {
        char out[CHAT_ID_BYTES];
        struct slice id =
            chat_id_make(out, SLICE("call_"), 24, slice_str(pinned[i].seed), pinned[i].number);

        assert_int_equal(id.len, 29);
        if (!slice_eq(id, slice_str(pinned[i].id)))
            fail_msg("%s %llu: %.*s", pinned[i].seed, (unsigned long long)pinned[i].number,
                     SLICE_ARG(id));
    }
}

static void test_spread(void **state)
{
    enum { COUNT = 2000 };
    static uint64_t seen[2 * COUNT];
    size_t at = 0;

    (void)state;
    for (uint64_t n = 0; n < COUNT; n++) {
        char seed[32];

        snprintf(seed, sizeof(seed), "chatcmpl-%llu", (unsigned long long)n);
        seen[at++] = chat_id_hash(SLICE("chatcmpl-x"), n);
        seen[at++] = chat_id_hash(slice_str(seed), 0);
    }
    for (size_t i = 0; i < at; i++) {
        for (size_t j = 0; j < i; j++)
            assert_true(seen[i] != seen[j]);
    }
}

static const struct {
    const char *why, *upstream;
    bool kept;
} adopted[] = {
    {"ours",            "msg_01AbC",  true },
    {"short",           "msg_1",      true },
    {"of another kind", "chatcmpl-1", false},
    {"prefix alone",    "msg_",       false},
    {"odd bytes",       "msg_a\"b",   false},
    {"a line's end",    "msg_a\nb",   false},
    {"none",            "",           false},
};

static void test_keep_or_make(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(adopted); i++) {
        char out[CHAT_ID_BYTES], again[CHAT_ID_BYTES];
        struct slice upstream = slice_str(adopted[i].upstream);
        struct slice id = chat_id_keep_or_make(out, SLICE("msg_"), 24, upstream, SLICE("x"));

        assert_ptr_equal(id.ptr, out);
        if (slice_eq(id, upstream) != adopted[i].kept)
            fail_msg("%s: %.*s", adopted[i].why, SLICE_ARG(id));
        if (!adopted[i].kept) {
            struct slice seed = upstream.len ? upstream : SLICE("x");
            assert_true(slice_eq(id, chat_id_make(again, SLICE("msg_"), 24, seed, 0)));
        }
    }
}

static void test_too_long(void **state)
{
    char upstream[CHAT_ID_BYTES + 1] = "msg_", out[CHAT_ID_BYTES];
    struct slice id = slice_of(upstream, CHAT_ID_BYTES + 1);

    (void)state;
    memset(upstream + 4, 'x', sizeof(upstream) - 4);
    assert_int_equal(chat_id_keep_or_make(out, SLICE("msg_"), 24, id, SLICE("x")).len, 28);
    id.len--;
    assert_true(slice_eq(chat_id_keep_or_make(out, SLICE("msg_"), 24, id, SLICE("x")), id));
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test(test_pinned),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_keep_or_make),
        cmocka_unit_test(test_too_long),
    };
    return cmocka_run_group_tests(all, NULL, NULL);
}
