/* yaml_test.c - trees, places, variables, and texts that are cut or broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "app/yaml.h"
#include "base/array.h"
#include "base/random.h"

static const char *variable(void *ctx, const char *name)
{
    (void)ctx;
    if (!strcmp(name, "NAME"))
        return "value";
    if (!strcmp(name, "PORT"))
        return "8080";
    if (!strcmp(name, "EMPTY"))
        return "";
    return NULL;
}

static const struct yaml_variables variables = {variable, NULL};

/* The tree as JSON, or "!" and the first problem with its place. */
static struct slice read_text(struct arena *a, struct slice text, bool as_text)
{
    struct problems p = {.file = "f", .arena = a};
    const struct yaml_node *root = yaml_parse(text, &variables, &p);
    struct buf out = {.data = NULL};
    struct slice copy;

    if (p.errors)
        return arena_printf(a, "!%u:%u: %.*s", p.first->place.line, p.first->place.column,
                            SLICE_ARG(p.first->text));
    assert_non_null(root);
    yaml_write_json(root, as_text, &out);
    copy = arena_dup(a, buf_peek(&out));
    buf_release(&out);
    return copy;
}

static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"nothing",             "",                                            "{}"                                                   },
    {"a comment",           "# hello\n",                                   "{}"                                                   },
    {"scalars",             "a: 1\nb: text\nc: true\nd: ~\ne: 1.5\nf: -2",
     "{\"a\":1,\"b\":\"text\",\"c\":true,\"d\":null,\"e\":1.5,\"f\":-2}"                                                          },
    {"quoted",              "a: '1'\nb: \"true\"\nc: ''",                  "{\"a\":\"1\",\"b\":\"true\",\"c\":\"\"}"              },
    {"no numbers",          "a: 1.2.3\nb: 007\nc: 0x1f\nd: -",
     "!4:4: not valid YAML: block sequence entries are not allowed in this context"                                               },
    {"like numbers",        "a: 1.2.3\nb: 007\nc: 0x1f\nd: +1\ne: 1_000",
     "{\"a\":\"1.2.3\",\"b\":\"007\",\"c\":\"0x1f\",\"d\":\"+1\",\"e\":\"1_000\"}"                                                },
    {"no truth",            "a: no\nb: yes\nc: off",                       "{\"a\":\"no\",\"b\":\"yes\",\"c\":\"off\"}"           },
    {"lists",               "- 1\n- [2, 3]\n- {a: []}\n",                  "[1,[2,3],{\"a\":[]}]"                                 },
    {"JSON",                "{\"a\":[1,\"b\\n\\u00e9\",null,{}]}",         "{\"a\":[1,\"b\\n\xc3\xa9\",null,{}]}"                 },
    {"a block of text",     "a: |\n  one\n  two\n",                        "{\"a\":\"one\\ntwo\\n\"}"                             },
    {"an anchor",           "a: &x {b: 1}\nc: *x\n",                       "{\"a\":{\"b\":1},\"c\":{\"b\":1}}"                    },
    {"an unknown anchor",   "a: *x\n",                                     "!1:4: there is no anchor &x before this"              },
    {"an anchor in itself", "a: &x [*x]\n",                                "!1:8: there is no anchor &x before this"              },
    {"a tag",               "a: !!str 1\n",                                "{\"a\":\"1\"}"                                        },
    {"an unknown tag",      "a: !env X\n",                                 "!1:4: the tag !env is not known"                      },
    {"a key twice",         "a: 1\nb: 2\na: 3\n",                          "!3:1: \"a\" stands twice in this map, first in line 1"},
    {"a key that is a map", "{a: 1}: 2\n",                                 "!1:1: a key must be text"                             },
    {"two documents",       "a: 1\n---\nb: 2\n",                           "!2:1: a second document cannot follow"                },
    {"a tab",               "a:\n\t- 1\n",
     "!2:1: not valid YAML: found character that cannot start any token, while scanning for the "
     "next token"                                                                                                                 },
    {"an open quote",       "a: \"x\n",
     "!2:1: not valid YAML: found unexpected end of stream, while scanning a quoted scalar"                                       },
    {"NUL",                 "a: \"\\0\"\n",                                "!1:4: a NUL character cannot stand here"              },
    {"not UTF-8",           "a: \xff\n",                                   "!1:1: not valid YAML: invalid leading UTF-8 octet"    },
    {"a variable",          "a: ${NAME}\nb: \"x-${NAME}-y\"",              "{\"a\":\"value\",\"b\":\"x-value-y\"}"                },
    {"a number from one",   "a: ${PORT}",                                  "{\"a\":8080}"                                         },
    {"two variables",       "a: ${NAME}${PORT}",                           "{\"a\":\"value8080\"}"                                },
    {"a default",           "a: ${NONE:-x y}",                             "{\"a\":\"x y\"}"                                      },
    {"an empty default",    "a: ${NONE:-}",                                "{\"a\":null}"                                         },
    {"empty, so default",   "a: ${EMPTY:-x}",                              "{\"a\":\"x\"}"                                        },
    {"empty",               "a: \"${EMPTY}\"",                             "{\"a\":\"\"}"                                         },
    {"not needed",          "a: ${NAME:-x}",                               "{\"a\":\"value\"}"                                    },
    {"the mark itself",     "a: $${NAME} $ $x $$",                         "{\"a\":\"${NAME} $ $x $$\"}"                          },
    {"not in keys",         "${NAME}: 1",                                  "{\"${NAME}\":1}"                                      },
    {"not in comments",     "a: 1 # ${NONE}",                              "{\"a\":1}"                                            },
    {"not set",             "b: 1\na: ${NONE}",
     "!2:4: the environment variable NONE is not set (${NONE:-...} gives a default)"                                              },
    {"not closed",          "a: ${NAME",
     "!1:4: \"${\" must be followed by a variable's name and \"}\"; write \"$${\" for the "
     "characters themselves"                                                                                                      },
    {"no name",             "a: x${}",
     "!1:4: \"${\" must be followed by a variable's name and \"}\"; write \"$${\" for the "
     "characters themselves"                                                                                                      },
    {"a name with a space", "a: \"${A B}\"",
     "!1:4: \"${\" must be followed by a variable's name and \"}\"; write \"$${\" for the "
     "characters themselves"                                                                                                      },
};

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct slice out;
        arena_init(&a, 0);
        out = read_text(&a, slice_str(cases[i].in), false);
        if (!slice_eq(out, slice_str(cases[i].out)))
            fail_msg("%s: %.*s", cases[i].why, SLICE_ARG(out));
        arena_release(&a);
    }
}

/* A secret that happens to look like a number stays text. */
static void test_as_text(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_true(slice_eq(read_text(&a, SLICE("k: ${PORT}\nn: 1"), true),
                         SLICE("{\"k\":\"8080\",\"n\":1}")));
    arena_release(&a);
}

static void test_places(void **state)
{
    static const char text[] = "server:\n  port: 1\nlist:\n  - name: x\n    deep: {k: v}\n";
    struct problems p = {.file = "f"};
    const struct yaml_node *root, *item;
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    p.arena = &a;
    root = yaml_parse(slice_str(text), &variables, &p);
    assert_non_null(root);
    assert_int_equal(yaml_get(yaml_get(root, "server"), "port")->place.line, 2);
    assert_int_equal(yaml_get(yaml_get(root, "server"), "port")->place.column, 9);
    item = yaml_get(root, "list")->items[0];
    assert_int_equal(item->place.line, 4);
    assert_int_equal(item->place.column, 5);
    assert_int_equal(item->pairs[1].place.line, 5);
    assert_int_equal(item->pairs[1].place.column, 5);
    assert_int_equal(yaml_get(yaml_get(item, "deep"), "k")->place.column, 15);
    assert_null(yaml_get(root, "none"));
    arena_release(&a);
}

/* Depth and size are bounded, however small the text is. */
static void test_bombs(void **state)
{
    struct buf deep = {.data = NULL}, laughs = {.data = NULL}, tower = {.data = NULL};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (int i = 0; i < 5000; i++)
        buf_append_str(&deep, "[");
    assert_true(slice_starts(read_text(&a, buf_peek(&deep), false), SLICE("!")));
    buf_append_str(&laughs, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++)
        buf_printf(&laughs, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    assert_non_null(strstr(read_text(&a, buf_peek(&laughs), false).ptr, "too many values"));
    buf_append_str(&tower, "a0: &a0 [x]\n");
    for (int i = 1; i < 200; i++)
        buf_printf(&tower, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    assert_non_null(strstr(read_text(&a, buf_peek(&tower), false).ptr, "nested too deeply"));
    buf_release(&deep);
    buf_release(&laughs);
    buf_release(&tower);
    arena_release(&a);
}

/* What is written for a text is read back as the same text, by itself and within JSON. */
static void test_text_round_trip(void **state)
{
    static const char *const texts[] = {
        "",
        "plain",
        "a \"quoted\" \\ back",
        "${NAME}",
        "$${NAME} $${",
        "tab\tnl\n",
        "\x01\x7f",
        "\xc2\x85 \xe2\x80\xa8 \xef\xbb\xbf",
        "\xc3\xa9 \xf0\x9f\x98\x80",
        "- x",
        "true",
        "# no",
        " edges ",
        "a: b",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf out = {.data = NULL};
        struct problems p = {.file = "f"};
        const struct yaml_node *root;
        struct arena a;
        arena_init(&a, 0);
        p.arena = &a;
        buf_append_str(&out, "a: ");
        yaml_write_text(slice_str(texts[i]), &out);
        root = yaml_parse(buf_peek(&out), &variables, &p);
        if (!root || p.errors || !slice_eq(yaml_get(root, "a")->text, slice_str(texts[i])))
            fail_msg("%zu: %.*s", i, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

static const char example[] = "config: { mode: managed }\n"
                              "providers: &p\n"
                              "  - name: \"openai\"   # here\n"
                              "    credentials: [ { secret: { api_key: \"${NAME:-x}\" } } ]\n"
                              "    price: { input: '0.75', \"output\": 4.5 }\n"
                              "again: *p\n"
                              "text: |\n  one\n  two\n"
                              "folded: >-\n  a\n  b\n";

/* Every cut, and changes of single bytes: a tree or a problem, never anything else. */
static void test_cuts_and_changes(void **state)
{
    static const char marks[] = "{}[]:,-&*!|>'\"%#\n \t\\$~?@`x\xff"; // and NUL
    size_t len = sizeof(example) - 1;
    struct random random;

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        struct arena a;
        char *copy = malloc(cut + 1); // so that reading beyond is seen
        memcpy(copy, example, cut);
        arena_init(&a, 0);
        read_text(&a, slice_of(copy, cut), false);
        arena_release(&a);
        free(copy);
    }
    random_seed(&random, (const uint64_t[4]){1, 2, 3, 4});
    for (int i = 0; i < 3000; i++) {
        char copy[sizeof(example)];
        struct arena a;
        memcpy(copy, example, sizeof(example));
        for (int change = 0; change < 3; change++)
            copy[random_below(&random, len)] = marks[random_below(&random, sizeof(marks))];
        arena_init(&a, 0);
        read_text(&a, slice_of(copy, len), false);
        arena_release(&a);
    }
}

static const struct {
    const char *name, *suggestion;
} suggestions[] = {
    {"prot",  "port"   },
    {"hots",  "host"   },
    {"HOST",  "host"   },
    {"workr", "workers"},
    {"zzzz",  NULL     },
    {"x",     NULL     },
    {"",      NULL     },
};

static void test_suggestions(void **state)
{
    static const char *const names[] = {"host", "port", "workers", "proxy"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(suggestions); i++) {
        const char *near = suggest(slice_str(suggestions[i].name), names, ARRAY_LEN(names));
        if (!near != !suggestions[i].suggestion ||
            (near && strcmp(near, suggestions[i].suggestion) != 0))
            fail_msg("%s: %s", suggestions[i].name, near ? near : "none");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),           cmocka_unit_test(test_as_text),
        cmocka_unit_test(test_places),          cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_text_round_trip), cmocka_unit_test(test_cuts_and_changes),
        cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
