/* tree_test.c - reading a tree, changing it, and writing it again. */
#include "json/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "json/scan.h"
#include "json/write.h"

static struct json *parse(struct arena *a, const char *text)
{
    struct err_info e = {0};
    struct json *v;

    if (json_parse(a, slice_str(text), &v, &e) != ERR_NONE)
        fail_msg("%s: %s", text, e.text);
    return v;
}

/* Every node as type:key=source, in the order of the text. */
// NOLINTNEXTLINE(misc-no-recursion): as deep as the texts of this test, which are not
static void dump(struct buf *out, const struct json *v)
{
    buf_printf(out, "%c:%.*s=%.*s;", "nftdsao"[v->type], SLICE_ARG(v->key), SLICE_ARG(v->source));
    json_for_each(at, v) {
        assert_ptr_equal(at->parent, v);
        dump(out, at);
    }
}

static const struct {
    const char *in, *out;
} sources[] = {
    {" 1 ",                                      "d:=1;"                                  },
    {"[]",                                       "a:=[];"                                 },
    {"{ }",                                      "o:={ };"                                },
    {"[1,\"a\",true,false,null]",
     "a:=[1,\"a\",true,false,null];d:=1;s:=\"a\";t:=true;f:=false;n:=null;"               },
    {"{\"a\" : [ 1 , 2 ] ,\"b\":{\"c\":-1e5}} ",
     "o:={\"a\" : [ 1 , 2 ] ,\"b\":{\"c\":-1e5}};a:a=[ 1 , 2 ];d:=1;d:=2;"
     "o:b={\"c\":-1e5};d:c=-1e5;"                                                         },
    {"{\"x\\u0041\":\"\\n\"}",                   "o:={\"x\\u0041\":\"\\n\"};s:xA=\"\\n\";"},
    {"[[[]],{}]",                                "a:=[[[]],{}];a:=[[]];a:=[];o:={};"      },
};

static void test_sources(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        struct buf out = {0};
        struct arena a;

        arena_init(&a, 0);
        dump(&out, parse(&a, sources[i].in));
        if (!slice_eq(buf_peek(&out), slice_str(sources[i].out)))
            fail_msg("%s: %.*s", sources[i].in, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

static void test_reads(void **state)
{
    struct arena a;
    const struct json *v;
    int64_t n = 5;
    double d = 5;
    bool yes = false;

    (void)state;
    arena_init(&a, 0);
    v = parse(
        &a,
        "{\"n\":1,\"s\":\"a\\nb\",\"t\":true,\"l\":[7,8,9],\"n\":2.0,\"e\":\"\",\"\":3,\"f\":false,\"h\":1.5}");
    assert_int_equal(v->count, 9);
    assert_true(json_to_int(json_member(v, SLICE("n")), &n));
    assert_int_equal(n, 2);
    assert_true(json_to_int(json_member(v, SLICE("")), &n));
    assert_int_equal(n, 3);
    assert_true(json_to_int(json_item(json_member(v, SLICE("l")), 2), &n));
    assert_int_equal(n, 9);
    assert_null(json_item(json_member(v, SLICE("l")), 3));
    assert_null(json_item(v, 0));
    assert_null(json_member(json_member(v, SLICE("l")), SLICE("n")));
    assert_null(json_member(json_member(v, SLICE("none")), SLICE("n")));
    assert_false(json_to_int(NULL, &n));
    assert_false(json_to_int(json_member(v, SLICE("s")), &n));
    assert_false(json_to_int(json_member(v, SLICE("h")), &n));
    assert_int_equal(n, 9);
    assert_true(json_to_double(json_member(v, SLICE("h")), &d) && d == 1.5);
    assert_true(json_to_bool(json_member(v, SLICE("t")), &yes) && yes);
    assert_true(json_to_bool(json_member(v, SLICE("f")), &yes) && !yes);
    assert_false(json_to_bool(json_member(v, SLICE("n")), &yes));
    assert_true(slice_eq(json_str(&a, json_member(v, SLICE("s"))), SLICE("a\nb")));
    assert_non_null(json_str(&a, json_member(v, SLICE("e"))).ptr);
    assert_null(json_str(&a, json_member(v, SLICE("n"))).ptr);
    assert_null(json_str(&a, NULL).ptr);
    assert_true(json_is(json_member(v, SLICE("l")), JSON_ARRAY));
    assert_false(json_is(NULL, JSON_NULL));
    arena_release(&a);
}

/* The arena's limit ends a text of many small values; the depth is that of json_scan(). */
static void test_limits(void **state)
{
    struct buf text = {0};
    struct err_info e = {0};
    struct arena a;
    struct json *v;

    (void)state;
    buf_append_str(&text, "[0");
    for (int i = 0; i < 100000; i++)
        buf_append_str(&text, ",0");
    buf_append_str(&text, "]");
    arena_init(&a, 1 << 20);
    assert_int_equal(json_parse(&a, buf_peek(&text), &v, &e), ERR_TOO_LARGE);
    assert_null(v);
    arena_release(&a);
    arena_init(&a, 0);
    assert_int_equal(json_parse(&a, buf_peek(&text), &v, &e), ERR_NONE);
    assert_int_equal(v->count, 100001);
    arena_release(&a);

    buf_clear(&text);
    for (int i = 0; i <= JSON_MAX_DEPTH; i++)
        buf_append_str(&text, "[");
    arena_init(&a, 0);
    e = (struct err_info){0};
    assert_int_equal(json_parse(&a, buf_peek(&text), &v, &e), ERR_BAD_REQUEST);
    assert_string_equal(e.text, "invalid JSON at byte 128: nested too deeply");
    arena_release(&a);
    buf_release(&text);
}

/* Programs of one letter and a key each, on the text: what is written afterwards. */
static const struct {
    const char *why, *in, *program, *out;
} changes[] = {
    {"nothing",                " {\"a\": 1} ",                        "",         "{\"a\": 1}"                                   },
    {"replaced",               "{\"a\": 1, \"b\":[ 2 ]}",             "sa",       "{\"a\":7,\"b\":[ 2 ]}"                        },
    {"added",                  "{\"a\": 1}",                          "sx",       "{\"a\":1,\"x\":7}"                            },
    {"added to nothing",       "{}",                                  "sx",       "{\"x\":7}"                                    },
    {"key escaped again",      "{\"\\n\":1}",                         "sx",       "{\"\\n\":1,\"x\":7}"                          },
    {"all duplicates go",      "{\"a\":1,\"b\":2,\"a\":3}",           "ra",       "{\"b\":2}"                                    },
    {"of duplicates the last", "{\"a\":1,\"b\":2,\"a\":3}",           "sa",       "{\"b\":2,\"a\":7}"                            },
    {"first removed",          "{\"a\":1,\"b\":2}",                   "ra",       "{\"b\":2}"                                    },
    {"last removed",           "{\"a\":1,\"b\":2}",                   "rb",       "{\"a\":1}"                                    },
    {"all removed",            "{\"a\":1,\"b\":2}",                   "rarb",     "{}"                                           },
    {"none of that name",      "{ \"a\":1 }",                         "rx",       "{ \"a\":1 }"                                  },
    {"deep, others untouched", "{\"d\":{\"e\": [ 1 ]},\"f\":[ {} ]}", "dd",
     "{\"d\":{\"e\":[ 1 ],\"n\":7},\"f\":[ {} ]}"                                                                                },
    {"array grows",            "{\"l\":[ ],\"m\":[ 1, 2 ]}",          "alam",     "{\"l\":[7],\"m\":[1,2,7]}"                    },
    {"twice",                  "{}",                                  "sxsxsyrx", "{\"y\":7}"                                    },
    {"a new subtree",          "{\"a\":1}",                           "oa",       "{\"a\":{\"s\":\"\\\"\\n\",\"l\":[null,true]}}"},
};

static struct json *new_subtree(struct arena *a)
{
    struct json *v = json_new_object(a), *list = json_new_array(a);

    json_set(v, SLICE("s"), json_new_string(a, SLICE("\"\n")));
    json_set(v, SLICE("l"), list);
    list = json_member(v, SLICE("l"));
    json_append(list, json_new_null(a));
    json_append(list, json_new_bool(a, true));
    return v;
}

static void run(struct arena *a, struct json *top, const char *program)
{
    for (; *program; program += 2) {
        struct slice key = slice_of(program + 1, 1);

        switch (program[0]) {
        case 's': json_set(top, key, json_new_int(a, 7)); break;
        case 'r': json_remove(top, key); break;
        case 'd': json_set(json_member(top, key), SLICE("n"), json_new_int(a, 7)); break;
        case 'a': json_append(json_member(top, key), json_new_int(a, 7)); break;
        case 'o': json_set(top, key, new_subtree(a)); break;
        default: fail();
        }
    }
}

static void test_changes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct buf out = {0};
        struct arena a;
        struct json *top;

        arena_init(&a, 0);
        top = parse(&a, changes[i].in);
        run(&a, top, changes[i].program);
        json_write_tree(&out, top);
        if (!slice_eq(buf_peek(&out), slice_str(changes[i].out)))
            fail_msg("%s: %.*s", changes[i].why, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

/* A subtree is written without the key it has, and without its siblings. */
static void test_write_subtree(void **state)
{
    struct buf out = {0};
    struct arena a;
    struct json *top;

    (void)state;
    arena_init(&a, 0);
    top = parse(&a, "{\"a\":{\"b\":1},\"c\":2}");
    json_write_tree(&out, json_member(top, SLICE("a")));
    json_set(json_member(top, SLICE("a")), SLICE("b"), json_new_int(&a, 3));
    json_write_tree(&out, json_member(top, SLICE("a")));
    json_replace(top, json_new_null(&a));
    json_write_tree(&out, top);
    assert_true(slice_eq(buf_peek(&out), SLICE("{\"b\":1}{\"b\":3}null")));
    buf_release(&out);
    arena_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sources),       cmocka_unit_test(test_reads),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_write_subtree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
