/* seal_test.c - what is sealed opens where it was put, and nowhere else. */
#include "crypto/seal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "crypto/random.h"

#define PLAIN "{\"api_key\":\"sk-12345\"}"

static const struct seal_place home = {"credential", "secret", 17};

static struct seal_key make_key(void)
{
    struct master_key m;
    struct seal_key key;

    master_key_generate(&m);
    seal_key_init(&key, &m);
    return key;
}

static enum err open_text(const struct seal_key *key, struct seal_place place, struct slice sealed,
                          struct slice expected)
{
    struct err_info e = {0};
    struct secret out = {{0}};
    struct arena a;
    enum err err;

    arena_init(&a, 0);
    err = seal_open(key, place, sealed, &a, &out, &e);
    assert_int_equal(err, e.code);
    if (err == ERR_NONE) {
        assert_true(slice_eq(secret_reveal(out), expected));
        assert_int_equal(secret_reveal(out).ptr[expected.len], '\0');
    } else {
        assert_null(secret_reveal(out).ptr);
        assert_true(strlen(e.text) > 0);
    }
    arena_release(&a);
    return err;
}

static void test_round_trip(void **state)
{
    struct seal_key key = make_key();
    char plain[3000];

    (void)state;
    memset(plain, 'x', sizeof(plain));
    for (size_t len = 0; len < sizeof(plain); len += len < 70 ? 1 : 977) {
        struct buf one = {0}, two = {0};

        seal(&key, home, secret_of(slice_of(plain, len)), &one);
        seal(&key, home, secret_of(slice_of(plain, len)), &two);
        assert_true(slice_starts(buf_peek(&one), SLICE("v1:")));
        assert_false(slice_eq(buf_peek(&one), buf_peek(&two))); // another nonce
        assert_int_equal(open_text(&key, home, buf_peek(&one), slice_of(plain, len)), ERR_NONE);
        buf_release(&one);
        buf_release(&two);
    }
}

static const struct {
    const char *why;
    struct seal_place place;
} elsewhere[] = {
    {"another row",    {"credential", "secret", 18} },
    {"another table",  {"provider", "secret", 17}   },
    {"another column", {"credential", "proxy", 17}  },
    {"digits moved",   {"credential/1", "secret", 7}},
};

static void test_other_places(void **state)
{
    struct seal_key key = make_key(), other = make_key();
    struct buf sealed = {0};

    (void)state;
    seal(&key, home, secret_of(SLICE(PLAIN)), &sealed);
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        if (open_text(&key, elsewhere[i].place, buf_peek(&sealed), SLICE("")) != ERR_DAMAGED)
            fail_msg("%s", elsewhere[i].why);
    }
    assert_int_equal(open_text(&other, home, buf_peek(&sealed), SLICE("")), ERR_DAMAGED);
    assert_int_equal(open_text(&key, home, buf_peek(&sealed), SLICE(PLAIN)), ERR_NONE);
    buf_release(&sealed);
}

/* Every cut of the text, and every character of it changed. */
static void test_tampering(void **state)
{
    struct seal_key key = make_key();
    struct buf sealed = {0};
    char changed[256];
    size_t len;

    (void)state;
    seal(&key, home, secret_of(SLICE(PLAIN)), &sealed);
    len = buf_len(&sealed);
    assert_true(len < sizeof(changed));
    for (size_t cut = 0; cut < len; cut++) {
        enum err err = open_text(&key, home, slice_sub(buf_peek(&sealed), 0, cut), SLICE(""));
        assert_int_equal(err, ERR_DAMAGED);
    }
    for (size_t i = 0; i < len; i++) {
        memcpy(changed, buf_peek(&sealed).ptr, len);
        changed[i] = changed[i] == 'A' ? 'B' : 'A'; // never a digit: no other version
        assert_int_equal(open_text(&key, home, slice_of(changed, len), SLICE("")), ERR_DAMAGED);
    }
    buf_release(&sealed);
}

static const struct {
    const char *why, *text;
    enum err err;
} formats[] = {
    {"never sealed",    PLAIN,        ERR_DAMAGED},
    {"nothing",         "",           ERR_DAMAGED},
    {"a newer version", "v2:AAAA",    ERR_NEWER  },
    {"much newer",      "v12:AAAA",   ERR_NEWER  },
    {"no box",          "v1:",        ERR_DAMAGED},
    {"a box too small", "v1:AAAA",    ERR_DAMAGED},
    {"not base64",      "v1:****",    ERR_DAMAGED},
    {"a word with a v", "very: long", ERR_DAMAGED},
};

static void test_formats(void **state)
{
    struct seal_key key = make_key();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
        if (open_text(&key, home, slice_str(formats[i].text), SLICE("")) != formats[i].err)
            fail_msg("%s", formats[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_places),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_formats),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
