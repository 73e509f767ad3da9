/* field_test.c - every type of field in and out, as text and as JSON. */
#include "policy/field.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

struct record {
    int64_t number, money, time, ref;
    bool flag;
    struct slice text, json;
    struct secret secret;
};

#define AT(member) offsetof(struct record, member)
#define NONE       ROW_TYPE_COUNT

static const struct field fields[] = {
    {"number", "number", FIELD_INT,    0, AT(number), NONE,     -5, 100, NULL,    "n"},
    {"money",  "money",  FIELD_MONEY,  0, AT(money),  NONE,     0,  0,   NULL,    "m"},
    {"time",   "time",   FIELD_TIME,   0, AT(time),   NONE,     0,  0,   NULL,    "t"},
    {"ref_id", "ref",    FIELD_REF,    0, AT(ref),    ROW_USER, 0,  0,   NULL,    "r"},
    {"flag",   "flag",   FIELD_BOOL,   0, AT(flag),   NONE,     0,  0,   "false", "f"},
    {"text",   "text",   FIELD_TEXT,   0, AT(text),   NONE,     0,  0,   NULL,    "x"},
    {"json",   "json",   FIELD_JSON,   0, AT(json),   NONE,     0,  0,   NULL,    "j"},
    {"secret", "secret", FIELD_SECRET, 0, AT(secret), NONE,     0,  0,   NULL,    "s"},
};

static const struct field *field_of(const char *key)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (strcmp(fields[i].key, key) == 0)
            return &fields[i];
    }
    fail_msg("no field %s", key);
    return NULL;
}

/* What goes in as text comes out as text and as JSON; `text` NULL: it is refused. */
static const struct {
    const char *key, *in, *text, *json;
} texts[] = {
#include "policy/field_text_test.def"
};

static bool written_is(const struct field *f, const struct record *r,
                       void (*write)(const struct field *, const void *, struct buf *),
                       const char *expected)
{
    struct buf out = {0};
    bool same;

    write(f, r, &out);
    same = slice_eq(buf_peek(&out), slice_str(expected));
    buf_release(&out);
    return same;
}

static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct field *f = field_of(texts[i].key);
        struct err_info e = {0};
        struct record r;
        struct arena a;

        arena_init(&a, 0);
        fields_set_defaults(fields, ARRAY_LEN(fields), &r);
        field_read_text(f, &r, slice_str(texts[i].in), &a, &e);
        if ((e.code == ERR_NONE) != (texts[i].text != NULL))
            fail_msg("%s: %s: %s", texts[i].key, texts[i].in, e.text);
        if (e.code == ERR_NONE && (!written_is(f, &r, field_write_text, texts[i].text) ||
                                   !written_is(f, &r, field_write_json, texts[i].json)))
            fail_msg("%s: %s: written otherwise", texts[i].key, texts[i].in);
        arena_release(&a);
    }
}

/* Whole objects; the second is the first error, or NULL. */
static const struct {
    const char *in, *error;
} objects[] = {
#include "policy/field_object_test.def"
};

static void test_objects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        struct err_info e = {0};
        struct record r;
        struct arena a;

        arena_init(&a, 0);
        fields_set_defaults(fields, ARRAY_LEN(fields), &r);
        fields_read_text(fields, ARRAY_LEN(fields), &r, slice_str(objects[i].in), "what", "in.", &a,
                         &e);
        if (strcmp(e.text, objects[i].error ? objects[i].error : "") != 0)
            fail_msg("%s: %s", objects[i].in, e.text);
        if (i == 0) {
            assert_true(slice_eq(r.text, SLICE("caf\xc3\xa9")));
            assert_true(slice_eq(r.json, SLICE("[1, 2]")));
            assert_true(slice_eq(secret_reveal(r.secret), SLICE("{\"k\":1}")));
            assert_true(r.number == 42 && r.money == 500000000 && r.ref == 7 && r.flag);
        }
        arena_release(&a);
    }
}

static void test_any_cut(void **state)
{
    struct slice whole = slice_str(objects[0].in);

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        struct err_info e = {0};
        struct record r;
        struct arena a;

        arena_init(&a, 0);
        fields_set_defaults(fields, ARRAY_LEN(fields), &r);
        assert_int_equal(fields_read_text(fields, ARRAY_LEN(fields), &r, slice_sub(whole, 0, len),
                                          "what", "in.", &a, &e),
                         ERR_BAD_REQUEST);
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_any_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
