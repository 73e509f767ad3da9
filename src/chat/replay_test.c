/* replay_test.c - conversations are put together again. */
#include "chat/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

/* Single quotes stand for double ones. */
static struct slice quoted(struct arena *a, const char *text)
{
    struct slice s = arena_dup(a, slice_str(text));
    char *p = arena_alloc_raw(a, s.len + 1, 1);

    for (size_t i = 0; i < s.len; i++)
        p[i] = s.ptr[i] == '\'' ? '"' : s.ptr[i];
    return slice_of(p, s.len);
}

static const struct {
    const char *body, *previous, *conversation;
    bool keeps;
    const char *err;
} reads[] = {
    {"{'input':'x'}",                                         "",   "",       true,  NULL                            },
    {"{'previous_response_id':'r1','store':false}",           "r1", "",       false, NULL                            },
    {"{'previous_response_id':null,'conversation':'conv_1'}", "",   "conv_1", true,  NULL                            },
    {"{'conversation':{'id':'conv_2'},'store':true}",         "",   "conv_2", true,  NULL                            },
    {"{'input':[{'type':'item_reference','id':'a'}]}",        "",   "",       true,  NULL                            },
    {"{'conversation':{'id':7}}",                             NULL, NULL,     true,  "conversation: expected"        },
    {"{'previous_response_id':7}",                            NULL, NULL,     true,  "previous_response_id: expected"},
    {"{'previous_response_id':''}",                           NULL, NULL,     true,  "previous_response_id: expected"},
    {"{'previous_response_id':'a','conversation':'b'}",       NULL, NULL,     true,
     "cannot be used together"                                                                                       },
};

static void test_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reads); i++) {
        struct err_info e = {0};
        struct replay r;
        struct arena a;

        arena_init(&a, 0);
        replay_read(quoted(&a, reads[i].body), &a, &r, &e);
        if (reads[i].err) {
            assert_int_equal(e.code, ERR_BAD_REQUEST);
            assert_non_null(strstr(e.text, reads[i].err));
        } else {
            assert_int_equal(e.code, ERR_NONE);
            assert_true(slice_eq(r.previous, slice_str(reads[i].previous)));
            assert_true(slice_eq(r.conversation, slice_str(reads[i].conversation)));
            assert_int_equal(r.keeps, reads[i].keeps);
            assert_int_equal(r.refers, strstr(reads[i].body, "item_reference") != NULL);
        }
        arena_release(&a);
    }
}

static const struct {
    const char *body, *items, *out;
} expansions[] = {
    {"{'model':'m','input':'x','previous_response_id':'r'}", "{'a':1},{'b':2}",
     "{'model':'m','input':[{'a':1},{'b':2},{'type':'message','role':'user','content':'x'}]}"              },
    {"{'input': [ {'c': 3} ],'conversation':'c'}",           "",                "{'input':[{'c': 3} ]}"    },
    {"{'input':[],'n':1}",                                   "{'a':1}",         "{'input':[{'a':1}],'n':1}"},
    {"{'n':1}",                                              "{'a':1}",         "{'n':1,'input':[{'a':1}]}"},
};

static void test_expand(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(expansions); i++) {
        struct err_info e = {0};
        struct buf out = {0};
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(replay_expand(quoted(&a, expansions[i].body),
                                       quoted(&a, expansions[i].items), &a, &out, &e),
                         ERR_NONE);
        if (!slice_eq(buf_peek(&out), quoted(&a, expansions[i].out)))
            fail_msg("row %zu: %.*s", i, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

/* Knows "a", whose item says whose context it is asked with. */
static bool find_a(void *ctx, struct arena *a, struct slice id, struct slice *item)
{
    *item = quoted(a, ctx);
    return slice_eq(id, SLICE("a"));
}

static void test_resolve(void **state)
{
    static const struct {
        const char *body, *out;
    } cases[] = {
        {"{'n':1,'input':[{'x':1},{'type':'item_reference','id':'a'},{'y':2}]}",
         "{'n':1,'input':[{'x':1},{'id':'a','z':3},{'y':2}]}"                                                                              },
        {"{'input':[{'type':'item_reference','id':'a'},{'id':'a','type':'item_reference'}]}",
         "{'input':[{'id':'a','z':3},{'id':'a','z':3}]}"                                                                                   },
        {"{'input':[{'type':'item_reference','id':'b'},{'type':'message','id':'a'},7,{'type':1}]}",
         "{'input':[{'type':'item_reference','id':'b'},{'type':'message','id':'a'},7,{'type':1}]}"                                         },
        {"{'input':[{'type':'item_reference'}]}",                                                   "{'input':[{'type':'item_reference'}]}"},
        {"{'input':'a'}",                                                                           "{'input':'a'}"                        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char item[] = "{'id':'a','z':3}";
        struct err_info e = {0};
        struct buf out = {0};
        struct arena a;

        arena_init(&a, 0);
        assert_int_equal(replay_resolve(quoted(&a, cases[i].body), find_a, item, &a, &out, &e),
                         ERR_NONE);
        if (!slice_eq(buf_peek(&out), quoted(&a, cases[i].out)))
            fail_msg("row %zu: %.*s", i, SLICE_ARG(buf_peek(&out)));
        buf_release(&out);
        arena_release(&a);
    }
}

static void note_item(void *ctx, struct slice id, struct slice item)
{
    buf_printf(ctx, "%.*s=%.*s;", SLICE_ARG(id), SLICE_ARG(item));
}

static void test_each(void **state)
{
    struct buf out = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    replay_each(quoted(&a, "{'output':[{'id':'a'},{'x':1},{'id':7},{'id':'b','y':2}]}"), &a,
                note_item, &out);
    replay_each(quoted(&a, "{'output':7}"), &a, note_item, &out);
    replay_each(SLICE("{"), &a, note_item, &out);
    assert_true(slice_eq(buf_peek(&out), quoted(&a, "a={'id':'a'};b={'id':'b','y':2};")));
    buf_release(&out);
    arena_release(&a);
}

static const struct {
    const char *body, *tail, *id, *out; // NULL: nothing is kept
} keeps[] = {
    {"{'input':'x'}",       "{'id':'r1','output':[{'o':1}]}",                                     "r1",
     "{'type':'message','role':'user','content':'x'},{'o':1}"                                                                    },
    {"{'input':[{'a':1}]}",
     "event: e\ndata: {'x':1}\n\nevent: response.completed\n"
     "data: {'type':'response.completed','response':{'id':'r2','output':[{'o':1},{'p':2}]}}\n\n", "r2", "{'a':1},{'o':1},{'p':2}"},
    {"{'input':[]}",        "{'id':'r3','output':[]}",                                            "r3", ""                       },
    {"{'input':[]}",        "{'output':[]}",                                                      NULL, NULL                     },
    {"{'input':[]}",        "data: [DONE]\n\n",                                                   NULL, NULL                     },
    {"{'input':[]}",        "",                                                                   NULL, NULL                     },
    {"{'input':[]}",        "{'id':'r','output':",                                                NULL, NULL                     },
};

static void test_keep(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(keeps); i++) {
        struct buf out = {0};
        struct slice id = {0};
        struct arena a;
        bool kept;

        arena_init(&a, 0);
        kept = replay_keep(quoted(&a, keeps[i].body), replay_response(quoted(&a, keeps[i].tail)),
                           &a, &id, &out);
        assert_int_equal(kept, keeps[i].id != NULL);
        if (kept) {
            assert_true(slice_eq(id, slice_str(keeps[i].id)));
            if (!slice_eq(buf_peek(&out), quoted(&a, keeps[i].out)))
                fail_msg("row %zu: %.*s", i, SLICE_ARG(buf_peek(&out)));
        }
        buf_release(&out);
        arena_release(&a);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read), cmocka_unit_test(test_expand), cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_each), cmocka_unit_test(test_keep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
