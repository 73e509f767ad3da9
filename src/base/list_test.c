/* list_test.c - linked lists whose links live inside the members. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct member {
    char letter;
    struct list link;
};

static struct member members[8];

/* The letters forwards, checked backwards as well. */
static const char *letters(const struct list *head)
{
    static char text[32];
    size_t n = 0;

    list_for_each(at, head) {
        text[n++] = list_entry(at, struct member, link)->letter;
        assert_ptr_equal(at->next->prev, at);
        assert_ptr_equal(at->prev->next, at);
    }
    text[n] = '\0';
    assert_int_equal(list_is_empty(head), n == 0);
    return text;
}

static void fill(struct list *head, size_t from, size_t to)
{
    list_init(head);
    for (size_t i = from; i < to; i++) {
        members[i].letter = (char)('a' + i);
        list_push_back(head, &members[i].link);
    }
}

static void test_push(void **state)
{
    struct list head;
    struct member front = {.letter = '<'}, middle = {.letter = '|'};

    (void)state;
    fill(&head, 0, 0);
    assert_string_equal(letters(&head), "");
    fill(&head, 0, 3);
    assert_string_equal(letters(&head), "abc");
    list_push_front(&head, &front.link);
    assert_string_equal(letters(&head), "<abc");
    list_add_before(&members[1].link, &middle.link);
    assert_string_equal(letters(&head), "<a|bc");
}

static void test_remove(void **state)
{
    struct list head;

    (void)state;
    fill(&head, 0, 4);
    list_remove(&members[1].link);
    assert_string_equal(letters(&head), "acd");
    list_remove(&members[1].link); // any number of times
    assert_true(list_is_empty(&members[1].link));
    list_remove(&members[0].link);
    list_remove(&members[3].link);
    assert_string_equal(letters(&head), "c");
    list_remove(&members[2].link);
    assert_string_equal(letters(&head), "");
    list_push_back(&head, &members[1].link);
    assert_string_equal(letters(&head), "b");
}

static void test_append(void **state)
{
    static const struct {
        size_t to, from;
        const char *out;
    } cases[] = {
        {0, 0, ""     },
        {0, 2, "ab"   },
        {2, 0, "ab"   },
        {1, 1, "ab"   },
        {2, 3, "abcde"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct list to, from;

        fill(&to, 0, cases[i].to);
        fill(&from, cases[i].to, cases[i].to + cases[i].from);
        list_append(&to, &from);
        assert_string_equal(letters(&to), cases[i].out);
        assert_true(list_is_empty(&from));
    }
}

static void test_members_leave_while_walking(void **state)
{
    struct list head, other;

    (void)state;
    fill(&head, 0, 6);
    list_init(&other);
    list_for_each_safe(at, &head) {
        struct member *m = list_entry(at, struct member, link);
        if (m->letter % 2 == 0)
            continue;
        list_remove(at);
        list_push_front(&other, at);
    }
    assert_string_equal(letters(&head), "bdf");
    assert_string_equal(letters(&other), "eca");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_push),
        cmocka_unit_test(test_remove),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_members_leave_while_walking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
