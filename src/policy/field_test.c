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

static const struct field fields[] = {
    {"number", "number", FIELD_INT,    0,              AT(number), ROW_TYPE_COUNT, -5, 100, NULL,    "n"},
    {"money",  "money",  FIELD_MONEY,  0,              AT(money),  ROW_TYPE_COUNT, 0,  0,   NULL,    "m"},
    {"time",   "time",   FIELD_TIME,   0,              AT(time),   ROW_TYPE_COUNT, 0,  0,   NULL,    "t"},
    {"ref_id", "ref",    FIELD_REF,    0,              AT(ref),    ROW_USER,       0,  0,   NULL,    "r"},
    {"flag",   "flag",   FIELD_BOOL,   0,              AT(flag),   ROW_TYPE_COUNT, 0,  0,   "false", "f"},
    {"text",   "text",   FIELD_TEXT,   0,              AT(text),   ROW_TYPE_COUNT, 0,  0,   NULL,    "x"},
    {"json",   "json",   FIELD_JSON,   0,              AT(json),   ROW_TYPE_COUNT, 0,  0,   NULL,    "j"},
    {"secret", "secret", FIELD_SECRET, 0,              AT(secret), ROW_TYPE_COUNT, 0,  0,   NULL,    "s"},
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
    {"number", "42",                        "42",                       "42"                          },
    {"number", "-5",                        "-5",                       "-5"                          },
    {"number", "4.5",                       NULL,                       NULL                          },
    {"number", "",                          NULL,                       NULL                          },
    {"number", "-",                         NULL,                       NULL                          },
    {"number", "+1",                        NULL,                       NULL                          },
    {"number", "9223372036854775808",       NULL,                       NULL                          },
    {"money",  "0.75",                      "0.75",                     "\"0.75\""                    },
    {"money",  "-1",                        NULL,                       NULL                          },
    {"time",   "2027-01-01T00:00:00Z",      "2027-01-01T00:00:00.000Z", "\"2027-01-01T00:00:00.000Z\""},
    {"time",   "2027-01-01T02:00:00+02:00", "2027-01-01T00:00:00.000Z", "\"2027-01-01T00:00:00.000Z\""},
    {"time",   "tomorrow",                  NULL,                       NULL                          },
    {"ref",    "7",                         NULL,                       NULL                          },
    {"flag",   "true",                      "true",                     "true"                        },
    {"flag",   "false",                     "false",                    "false"                       },
    {"flag",   "yes",                       NULL,                       NULL                          },
    {"text",   "a \"b\"",                   "a \"b\"",                  "\"a \\\"b\\\"\""             },
    {"text",   "",                          "",                         "\"\""                        },
    {"json",   "{\"a\":[1]}",               "{\"a\":[1]}",              "{\"a\":[1]}"                 },
    {"json",   "{\"a\":",                   NULL,                       NULL                          },
    {"secret", "nonsense",                  NULL,                       NULL                          },
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
    {"{\"number\":42,\"money\":\"0.5\",\"time\":\"2027-01-01T00:00:00Z\",\"ref\":7,\"flag\":true,"
     "\"text\":\"caf\\u00e9\",\"json\":[1, 2],\"secret\":{\"k\":1}}", NULL},
    {"{}", NULL},
    {"{\"number\":null,\"text\":null,\"json\":null}", NULL},
    {"{\"n\\u0075mber\":1}", NULL},
    {"{\"number\":1e1}", NULL},
    {"{\"flag\":null}", "in.flag: must not be null"},
    {"{\"number\":101}", "in.number: must be from -5 to 100"},
    {"{\"number\":99999999999999999999}", "in.number: must be from -5 to 100"},
    {"{\"number\":\"1\"}", "in.number: must be a whole number"},
    {"{\"number\":1.5}", "in.number: must be a whole number"},
    {"{\"flag\":1}", "in.flag: must be true or false"},
    {"{\"text\":1}", "in.text: must be a string"},
    {"{\"text\":\"a\\u0000b\"}", "in.text: must be UTF-8 without control characters"},
    {"{\"time\":5}", "in.time: must be a time like 2027-01-31T00:00:00Z"},
    {"{\"ref_id\":5}", "in.ref_id: there is no such key"},
    {"{\"number\":1,\"number\":2}", "in.number: is given twice"},
    {"[]", "what: must be an object"},
    {"7", "what: must be an object"},
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
