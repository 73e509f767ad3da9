/* memory_test.c - reasoning that is kept and comes back. */
#include "chat/shape_test_kit.h"

#include "chat/memory.h"

/* Pairs of a call's id and what is kept under it, as items. */
struct shelf {
    struct arena arena;
    struct buf bytes[4];
    const char *ids[4];
    size_t count;
};

static void put(struct shelf *s, const char *id, const char *items)
{
    struct chat_request r;

    chat_request_init(&r, &s->arena, DIALECT_OPENAI_CHAT);
    kit_read(&r, items);
    chat_memory_write(&list_entry(r.turns.next, struct chat_turn, link)->items,
                      &s->bytes[s->count]);
    s->ids[s->count++] = id;
}

static bool look_up(void *ctx, struct arena *a, struct slice id, struct slice *bytes)
{
    struct shelf *s = ctx;

    (void)a;
    for (size_t i = 0; i < s->count; i++) {
        if (slice_eq(id, slice_str(s->ids[i]))) {
            *bytes = buf_peek(&s->bytes[i]);
            return true;
        }
    }
    return false;
}

static const struct {
    const char *why, *in, *out;
} cases[] = {
    {"nothing known",           "a[call(x,f)]",                                "a[call(x,f)]"                         },
    {"no call",                 "a['c1']",                                     "a['c1']"                              },
    {"put back",                "u['q'] a['t' call(c1,f) call(c2,f)]",
     "u['q'] a[summary('why',anthropic:s1,,m) redacted(,anthropic:s2) 't' call(c1,f) call(c2,f)]"                     },
    {"by the first call only",  "a[call(x,f) call(c1,f)]",                     "a[call(x,f) call(c1,f)]"              },
    {"a secret of its own",     "a[summary(w,openai:o) call(c1,f)]",
     "a[summary('w',openai:o) call(c1,f)]"                                                                            },
    {"text of its own",         "a[raw(w) 't' call(c2,f)]",                    "a[redacted(,gemini:g) 't' call(c2,f)]"},
    {"text of its own will do", "a[raw(w) call(c3,f)]",                        "a[raw('w') call(c3,f)]"               },
    {"text",                    "a[call(c3,f)]",                               "a[raw('so') call(c3,f)]"              },
    {"in two turns",            "a[raw(w)] a['t'] a[call(c2,f)]",
     "a[redacted(,gemini:g)] a['t'] a[call(c2,f)]"                                                                    },
    {"each step",               "a[call(c2,f)] u[result(c2)[]] a[call(c3,f)]",
     "a[redacted(,gemini:g) call(c2,f)] u[result(c2)[]] a[raw('so') call(c3,f)]"                                      },
};

static void test_fill(void **state)
{
    struct shelf shelf = {0};
    struct buf out = {0};

    (void)state;
    arena_init(&shelf.arena, 0);
    put(&shelf, "c1", "a[summary(why,anthropic:s1,,m) 'said' redacted(,anthropic:s2)]");
    put(&shelf, "c2", "a[redacted(,gemini:g)]");
    put(&shelf, "c3", "a[raw(so)]");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct chat_request r;
        struct arena a;

        arena_init(&a, 0);
        chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
        kit_read(&r, cases[i].in);
        chat_memory_fill(&r, look_up, &shelf);
        if (strcmp(kit_print(&r, &out), cases[i].out) != 0)
            fail_msg("%s: %s", cases[i].why, kit_print(&r, &out));
        arena_release(&a);
    }
    buf_release(&out);
    for (size_t i = 0; i < shelf.count; i++)
        buf_release(&shelf.bytes[i]);
    arena_release(&shelf.arena);
}

/* Any bytes are safe: they are read whole or not at all. */
static void test_damaged(void **state)
{
    struct shelf shelf = {0};
    struct list items;
    struct slice bytes;

    (void)state;
    arena_init(&shelf.arena, 0);
    put(&shelf, "c1", "a[summary(why,anthropic:s1,i,m)]");
    bytes = buf_peek(&shelf.bytes[0]);
    for (size_t cut = 1; cut < bytes.len; cut++) {
        list_init(&items);
        assert_false(chat_memory_read(&shelf.arena, slice_sub(bytes, 0, cut), &items));
        assert_true(list_is_empty(&items));
    }
    for (size_t i = 0; i < bytes.len; i++) {
        char changed[256];

        memcpy(changed, bytes.ptr, bytes.len);
        changed[i] = (char)0xff;
        list_init(&items);
        chat_memory_read(&shelf.arena, slice_of(changed, bytes.len), &items);
    }
    buf_release(&shelf.bytes[0]);
    arena_release(&shelf.arena);
}

static void hear_thought(struct chat_memory *m, uint32_t index, struct slice text,
                         const char *secret)
{
    struct chat_event ev = {.type = CHAT_OPEN, .index = index};

    ev.open.kind = PART_REASONING;
    chat_memory_hear(m, &ev);
    if (text.len) {
        ev = (struct chat_event){.type = CHAT_DELTA, .index = index};
        ev.delta.text = text_plain(text);
        chat_memory_hear(m, &ev);
    }
    ev = (struct chat_event){.type = CHAT_CLOSE, .index = index};
    ev.close.secret = slice_str(secret);
    ev.close.vendor = secret ? VENDOR_ANTHROPIC : VENDOR_NONE;
    chat_memory_hear(m, &ev);
}

static void hear_call(struct chat_memory *m, uint32_t index, const char *id)
{
    struct chat_event ev = {.type = CHAT_OPEN, .index = index};

    ev.open.kind = PART_CALL;
    ev.open.call_id = slice_str(id);
    chat_memory_hear(m, &ev);
}

static void test_hear(void **state)
{
    struct chat_memory m = {0};
    struct chat_event start = {.type = CHAT_START};
    struct chat_request r;
    struct arena a;
    struct buf out = {0};
    struct chat_turn *turn;

    (void)state;
    start.start.model = SLICE("m");
    chat_memory_hear(&m, &start);
    hear_thought(&m, 0, SLICE("a \"b\""), "s");
    assert_false(chat_memory_ready(&m));
    hear_thought(&m, 1, SLICE(""), NULL); // nothing in it
    hear_call(&m, 2, "c1");
    assert_true(chat_memory_ready(&m));
    hear_thought(&m, 3, SLICE("late"), "t");
    hear_call(&m, 4, "c2");
    assert_true(slice_eq(buf_peek(&m.call_id), SLICE("c1")));

    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    turn = chat_turn_new(&r, CHAT_ASSISTANT);
    assert_true(chat_memory_read(&a, buf_peek(&m.bytes), &turn->items));
    assert_string_equal(kit_print(&r, &out), "a[summary('a \"b\"',anthropic:s,,m)]");
    arena_release(&a);
    chat_memory_release(&m);
    buf_release(&out);
}

/* What outgrows its room is not kept in part. */
static void test_too_long(void **state)
{
    static char text[CHAT_MEMORY_BYTES];
    struct chat_memory m = {0};

    (void)state;
    memset(text, 'a', sizeof(text));
    hear_thought(&m, 0, slice_of(text, sizeof(text)), "s");
    hear_call(&m, 1, "c1");
    assert_false(chat_memory_ready(&m));
    assert_true(buf_len(&m.bytes) <= CHAT_MEMORY_BYTES);
    chat_memory_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fill),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_hear),
        cmocka_unit_test(test_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
