/* splice_test.c - edits, alone and together, against a model that rewrites everything. */
#include "json/splice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/random.h"

/* Programs: s sets and r removes the key of one letter that follows. */
static const struct {
    const char *why, *in, *program, *out;
} cases[] = {
    {"nothing",                 "{\"a\": 1}",                        "",       "{\"a\": 1}"               },
    {"replaced",                "{\"a\": 1 ,\"b\":2}",               "sa",     "{\"a\": 7 ,\"b\":2}"      },
    {"an object replaced",      "{\"a\":{\"b\":[1]},\"b\":2}",       "sa",     "{\"a\":7,\"b\":2}"        },
    {"added",                   "{\"a\":1}",                         "sb",     "{\"a\":1,\"b\":7}"        },
    {"added before blanks",     " {\"a\":1 } \n",                    "sb",     " {\"a\":1 ,\"b\":7} \n"   },
    {"added to nothing",        "{}",                                "sb",     "{\"b\":7}"                },
    {"added to blanks",         "{ \n }",                            "sb",     "{ \n \"b\":7}"            },
    {"two added",               "{}",                                "sbsc",   "{\"b\":7,\"c\":7}"        },
    {"the same added twice",    "{}",                                "sbsbsc", "{\"b\":7,\"c\":7}"        },
    {"only top level",          "{\"x\":{\"a\":1}}",                 "sa",     "{\"x\":{\"a\":1},\"a\":7}"},
    {"first removed",           "{\"a\":1,\"b\":2}",                 "ra",     "{\"b\":2}"                },
    {"middle removed",          "{\"a\":1, \"b\":2, \"c\":3}",       "rb",     "{\"a\":1, \"c\":3}"       },
    {"last removed",            "{\"a\":1,\"b\":2 }",                "rb",     "{\"a\":1 }"               },
    {"only one removed",        "{ \"a\" : 1 }",                     "ra",     "{  }"                     },
    {"all, forwards",           "{\"a\":1,\"b\":2,\"c\":3}",         "rarbrc", "{}"                       },
    {"all, backwards",          "{\"a\":1,\"b\":2,\"c\":3}",         "rcrbra", "{}"                       },
    {"last two",                "{\"a\":1,\"b\":2,\"c\":3}",         "rbrc",   "{\"a\":1}"                },
    {"outer two",               "{\"a\":1,\"b\":2,\"c\":3}",         "rcra",   "{\"b\":2}"                },
    {"none of that name",       "{\"a\":1}",                         "rx",     "{\"a\":1}"                },
    {"removed and added",       "{\"a\":1}",                         "rasb",   "{\"b\":7}"                },
    {"added and removed",       "{\"a\":1}",                         "sbra",   "{\"b\":7}"                },
    {"added and taken back",    "{\"a\":1}",                         "sbrb",   "{\"a\":1}"                },
    {"first of two taken back", "{}",                                "sasbra", "{\"b\":7}"                },
    {"removed and set",         "{\"a\":1,\"b\":2}",                 "rasa",   "{\"b\":2,\"a\":7}"        },
    {"set and removed",         "{\"a\":1,\"b\":2}",                 "sara",   "{\"b\":2}"                },
    {"removed twice",           "{\"a\":1,\"b\":2}",                 "rara",   "{\"b\":2}"                },
    {"set twice",               "{\"a\":1}",                         "sasa",   "{\"a\":7}"                },
    {"duplicates removed",      "{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", "ra",     "{\"b\":2}"                },
    {"of duplicates the last",  "{\"a\":1,\"b\":2,\"a\":3}",         "sa",     "{\"b\":2,\"a\":7}"        },
    {"an escaped key",          "{\"\\u0061\\\"\":1,\"\\u0061\":2}", "ra",     "{\"\\u0061\\\"\":1}"      },
    {"keys with quotes",        "{\"\\\"\\\\\":1,\"a\":2}",          "ra",     "{\"\\\"\\\\\":1}"         },
    {"a key behind quotes",     "{\"\\\\\\\"\" : 1,\"a\":2}",        "sb",
     "{\"\\\\\\\"\" : 1,\"a\":2,\"b\":7}"                                                                 },
};

static void program_run(struct json_splice *s, const char *program)
{
    for (; *program; program += 2) {
        struct slice key = slice_of(program + 1, 1);

        if (*program == 's')
            json_splice_set(s, json_splice_top(s), key, SLICE("7"));
        else
            json_splice_remove(s, json_splice_top(s), key);
    }
}

/* Both ways out agree, and with the length that was announced. */
static void result(const struct json_splice *s, struct buf *out)
{
    struct iovec iov[2 * 64 + 1];
    struct buf gathered = {0};
    int count = json_splice_to_iovec(s, iov, ARRAY_LEN(iov));

    assert_in_range(count, 0, json_splice_iovec_count(s));
    for (int i = 0; i < count; i++) {
        assert_true(iov[i].iov_len > 0);
        buf_append(&gathered, slice_of(iov[i].iov_base, iov[i].iov_len));
    }
    if (count)
        assert_int_equal(json_splice_to_iovec(s, iov, count - 1), -1);
    buf_clear(out);
    json_splice_to_buf(s, out);
    assert_true(slice_eq(buf_peek(out), buf_peek(&gathered)));
    assert_int_equal(buf_len(out), json_splice_len(s));
    buf_release(&gathered);
}

static void test_cases(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_splice s;
        struct arena a;

        arena_init(&a, 0);
        json_splice_init(&s, &a, slice_str(cases[i].in));
        program_run(&s, cases[i].program);
        result(&s, &out);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(buf_peek(&out)));
        arena_release(&a);
    }
    buf_release(&out);
}

/* Bare edits: "at len by". */
static const struct {
    const char *why;
    struct {
        size_t at, len;
        const char *by;
    } edits[3];
    const char *out;
} bare[] = {
    {"in any order",     {{7, 1, "X"}, {0, 1, "Y"}, {3, 0, "Z"}}, "Y12Z3456X89" },
    {"at one place",     {{5, 0, "X"}, {5, 0, "Y"}, {5, 1, "Z"}}, "01234XYZ6789"},
    {"before what goes", {{5, 2, ""}, {5, 0, "X"}, {7, 0, "Y"}},  "01234XY789"  },
    {"within what goes", {{2, 6, "-"}, {4, 1, "X"}, {5, 0, "Y"}}, "01-89"       },
    {"swallowed",        {{4, 1, "X"}, {5, 0, "Y"}, {2, 6, "-"}}, "01-89"       },
    {"the same again",   {{4, 2, "X"}, {4, 2, "Y"}, {4, 2, "Z"}}, "0123Z6789"   },
    {"both ends",        {{0, 0, "X"}, {10, 0, "Y"}, {9, 1, ""}}, "X012345678Y" },
    {"everything",       {{0, 10, ""}, {0, 0, ""}, {10, 0, ""}},  ""            },
    {"side by side",     {{4, 2, "X"}, {6, 2, "Y"}, {2, 2, "Z"}}, "01ZXY89"     },
};

static void test_bare(void **state)
{
    struct buf out = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bare); i++) {
        struct json_splice s;
        struct arena a;

        arena_init(&a, 0);
        json_splice_init(&s, &a, SLICE("0123456789"));
        for (size_t n = 0; n < 3; n++)
            json_splice_add(&s, bare[i].edits[n].at, bare[i].edits[n].len,
                            slice_str(bare[i].edits[n].by));
        result(&s, &out);
        if (!slice_eq(buf_peek(&out), slice_str(bare[i].out)))
            fail_msg("%s: %.*s", bare[i].why, SLICE_ARG(buf_peek(&out)));
        arena_release(&a);
    }
    buf_release(&out);
}

static void test_nested(void **state)
{
    struct slice text = SLICE("{\"o\":{\"a\":{ },\"b\":2},\"l\":[1]}"), o, inner, l;
    struct buf out = {0};
    struct json_splice s;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    json_splice_init(&s, &a, text);
    json_get(text, SLICE("o"), &o);
    json_get(text, SLICE("l"), &l);
    json_get(o, SLICE("a"), &inner);
    assert_true(json_splice_set(&s, json_splice_span(&s, inner), SLICE("x"), SLICE("0")));
    assert_true(json_splice_remove(&s, json_splice_span(&s, o), SLICE("b")));
    assert_true(json_splice_set(&s, json_splice_span(&s, o), SLICE("\"\n"), SLICE("[]")));
    assert_false(json_splice_set(&s, json_splice_span(&s, l), SLICE("x"), SLICE("0")));
    assert_false(json_splice_remove(&s, json_splice_span(&s, l), SLICE("x")));
    result(&s, &out);
    assert_true(
        slice_eq(buf_peek(&out), SLICE("{\"o\":{\"a\":{ \"x\":0},\"\\\"\\n\":[]},\"l\":[1]}")));
    assert_true(json_splice_remove(&s, json_splice_top(&s), SLICE("o"))); // and the edits in it
    result(&s, &out);
    assert_true(slice_eq(buf_peek(&out), SLICE("{\"l\":[1]}")));
    buf_release(&out);
    arena_release(&a);
}

/* The model: members of an object by one-letter keys, in order. */
struct model {
    char keys[64], values[64];
    size_t count;
};

static size_t model_find(const struct model *m, char key)
{
    size_t i = 0;

    while (i < m->count && m->keys[i] != key)
        i++;
    return i;
}

static void model_set(struct model *m, char key, char value)
{
    size_t i = model_find(m, key);

    m->count += i == m->count;
    m->keys[i] = key;
    m->values[i] = value;
}

static bool model_remove(struct model *m, char key)
{
    size_t i = model_find(m, key);

    if (i == m->count)
        return false;
    memmove(m->keys + i, m->keys + i + 1, m->count - i - 1);
    memmove(m->values + i, m->values + i + 1, m->count - i - 1);
    m->count--;
    return true;
}

static void blanks(struct random *r, struct buf *out)
{
    while (random_below(r, 3) == 0)
        buf_append_byte(out, " \n\t"[random_below(r, 3)]);
}

static void model_write(const struct model *m, struct random *r, struct buf *out)
{
    buf_append_byte(out, '{');
    for (size_t i = 0; i < m->count; i++) {
        if (r)
            blanks(r, out);
        buf_printf(out, "%s\"%c\"", i ? "," : "", m->keys[i]);
        if (r)
            blanks(r, out);
        buf_printf(out, ":[%c]", m->values[i]);
        if (r)
            blanks(r, out);
    }
    if (r)
        blanks(r, out);
    buf_append_byte(out, '}');
}

static void blanks_remove(struct buf *b)
{
    size_t to = b->start;

    for (size_t i = b->start; i < b->end; i++) {
        if (!strchr(" \n\t", b->data[i]))
            b->data[to++] = b->data[i];
    }
    b->end = to;
}

static void test_model(void **state)
{
    struct buf text = {0}, out = {0}, want = {0};
    struct random r;

    (void)state;
    random_seed(&r, (const uint64_t[4]){9, 9, 9, 1});
    for (int n = 0; n < 5000; n++) {
        struct model m = {.count = 0};
        struct json_splice s;
        struct arena a;

        for (uint64_t i = random_below(&r, 6); i; i--)
            model_set(&m, (char)('a' + random_below(&r, 8)), '1');
        buf_clear(&text);
        model_write(&m, &r, &text);
        arena_init(&a, 0);
        json_splice_init(&s, &a, buf_peek(&text));
        for (uint64_t i = random_below(&r, 24); i; i--) {
            char key = (char)('a' + random_below(&r, 24)), raw[3] = "[ ]";

            raw[1] = (char)('2' + random_below(&r, 8));
            if (random_below(&r, 2)) {
                model_set(&m, key, raw[1]);
                json_splice_set(&s, json_splice_top(&s), slice_of(&key, 1),
                                arena_dup(&a, slice_of(raw, 3)));
            } else {
                assert_int_equal(json_splice_remove(&s, json_splice_top(&s), slice_of(&key, 1)),
                                 model_remove(&m, key));
            }
        }
        result(&s, &out);
        blanks_remove(&out);
        buf_clear(&want);
        model_write(&m, NULL, &want);
        if (!slice_eq(buf_peek(&out), buf_peek(&want)))
            fail_msg("round %d: %.*s\nwant %.*s", n, SLICE_ARG(buf_peek(&out)),
                     SLICE_ARG(buf_peek(&want)));
        arena_release(&a);
    }
    buf_release(&text);
    buf_release(&out);
    buf_release(&want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bare),
        cmocka_unit_test(test_nested),
        cmocka_unit_test(test_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
