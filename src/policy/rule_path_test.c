/* rule_path_test.c - a.b[0].c, a[*].b, and what is none. */
#include "policy/rule_path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"

/* Steps as /key, #item and *; or what is wrong. */
static const struct {
    const char *path, *steps;
} cases[] = {
    {"a",                       "/a"                                                            },
    {"a.b.c",                   "/a/b/c"                                                        },
    {"a[0].b",                  "/a#0/b"                                                        },
    {"a[*].b[*]",               "/a*/b*"                                                        },
    {"a[12][3]",                "/a#12#3"                                                       },
    {"$defs.x-y_z",             "/$defs/x-y_z"                                                  },
    {"\xc3\xa9t\xc3\xa9.b",     "/\xc3\xa9t\xc3\xa9/b"                                          },
    {"[\"a.b\"].c",             "/a.b/c"                                                        },
    {"a[\"x y\"][0]",           "/a/x y#0"                                                      },
    {"a[\"\\u0041\\n]\"]",      "/a/A\n]"                                                       },
    {"a[\"\"]",                 "/a/"                                                           },
    {"a[99999]",                "/a#99999"                                                      },
    {"",                        "path: character 1: expected a key; odd ones stand in [\"...\"]"},
    {".a",                      "path: character 1: expected a key; odd ones stand in [\"...\"]"},
    {"a.",                      "path: character 3: expected a key; odd ones stand in [\"...\"]"},
    {"a..b",                    "path: character 3: expected a key; odd ones stand in [\"...\"]"},
    {"a.[0]",                   "path: character 3: expected a key; odd ones stand in [\"...\"]"},
    {"a b",                     "path: character 2: expected '.' or '['"                        },
    {"a[0]b",                   "path: character 5: expected '.' or '['"                        },
    {"a[",                      "path: character 3: expected a number, * or a key in quotes"    },
    {"a[]",                     "path: character 3: expected a number, * or a key in quotes"    },
    {"a[-1]",                   "path: character 3: expected a number, * or a key in quotes"    },
    {"a[1",                     "path: character 4: expected ']'"                               },
    {"a[*",                     "path: character 4: expected ']'"                               },
    {"a[**]",                   "path: character 4: expected ']'"                               },
    {"a[100000]",               "path: character 3: the number is too high"                     },
    {"a[99999999999999999999]", "path: character 3: the number is too high"                     },
    {"a[\"x]",                  "path: character 3: expected the end of the string"             },
    {"a[\"\\q\"]",              "path: character 3: expected a JSON string"                     },
    {"a[\"x\"",                 "path: character 6: expected ']'"                               },
    {"[0].a",                   "path: character 1: a body is an object: begin with a key"      },
    {"[*]",                     "path: character 1: a body is an object: begin with a key"      },
};

static void describe(const struct rule_path *path, struct buf *out)
{
    for (size_t i = 0; i < path->count; i++) {
        switch (path->steps[i].kind) {
        case RULE_STEP_KEY:
            buf_append_byte(out, '/');
            buf_append(out, path->steps[i].key);
            break;
        case RULE_STEP_ITEM: buf_printf(out, "#%zu", path->steps[i].item); break;
        case RULE_STEP_ALL: buf_append_byte(out, '*'); break;
        }
    }
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct rule_path path;
        struct buf out = {0};
        struct arena a;

        arena_init(&a, 0);
        if (rule_path_parse(slice_str(cases[i].path), &a, &path, &e))
            buf_append_str(&out, e.text);
        else
            describe(&path, &out);
        if (!slice_eq(buf_peek(&out), slice_str(cases[i].steps)))
            fail_msg("%s: %.*s", cases[i].path, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

static void test_bounds(void **state)
{
    struct err_info e = {0};
    struct rule_path path;
    struct buf text = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    buf_append_byte(&text, 'a');
    for (int i = 1; i < RULE_PATH_STEPS; i++)
        buf_append_str(&text, "[0]");
    assert_int_equal(rule_path_parse(buf_peek(&text), &a, &path, &e), ERR_NONE);
    assert_int_equal(path.count, RULE_PATH_STEPS);
    buf_append_str(&text, ".b");
    assert_int_equal(rule_path_parse(buf_peek(&text), &a, &path, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.text, "path: character 96: there are too many steps");
    buf_clear(&text);
    for (int i = 0; i <= RULE_PATH_BYTES; i++)
        buf_append_byte(&text, 'a');
    e = (struct err_info){0};
    assert_int_equal(rule_path_parse(buf_peek(&text), &a, &path, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.text, "path: must be at most 512 bytes");
    buf_release(&text);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
