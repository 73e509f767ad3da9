/* request_test.c - the vocabulary's own functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "chat/request.h"

static size_t count(const struct list *notes, const char *field, bool degraded)
{
    size_t found = 0;

    list_for_each(at, notes) {
        const struct chat_note *n = list_entry(at, struct chat_note, link);
        found += slice_eq(n->field, slice_str(field)) && n->degraded == degraded;
    }
    return found;
}

static void test_notes_are_bounded(void **state)
{
    struct chat_request r;
    struct arena a;
    char field[32];
    size_t kept = 0;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(field, sizeof(field), "field%d", i);
            chat_note_degraded(&r, field);
        }
    }
    assert_int_equal(count(&r.notes, "field0", true), 1);
    assert_int_equal(count(&r.notes, "field63", true), 1);
    assert_int_equal(count(&r.notes, "field64", true), 0);
    assert_int_equal(count(&r.notes, CHAT_NOTES_MORE, true), 1);
    chat_note(&r, "seed"); // what stands for all others says the worst of them
    assert_int_equal(count(&r.notes, CHAT_NOTES_MORE, false), 1);
    list_for_each(at, &r.notes) {
        kept++;
    }
    assert_int_equal(kept, CHAT_NOTES_MAX + 1);
    arena_release(&a);
}

static void test_first_tool_of_a_name(void **state)
{
    struct chat_request r;
    struct table tools;
    struct arena a;
    struct chat_tool *first;

    (void)state;
    arena_init(&a, 0);
    chat_request_init(&r, &a, DIALECT_OPENAI_CHAT);
    first = chat_tool_new(&r, TOOL_FUNCTION);
    first->name = SLICE("f");
    chat_tool_new(&r, TOOL_CUSTOM)->name = SLICE("f");
    chat_tool_new(&r, TOOL_FUNCTION)->name = SLICE("g");
    chat_tool_table(&r, &tools);
    assert_ptr_equal(table_get(&tools, SLICE("f")), first);
    assert_ptr_equal(chat_tool_find(&r, SLICE("f")), first);
    assert_ptr_equal(table_get(&tools, SLICE("g")), chat_tool_find(&r, SLICE("g")));
    assert_null(table_get(&tools, SLICE("h")));
    table_release(&tools);
    arena_release(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notes_are_bounded),
        cmocka_unit_test(test_first_tool_of_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
