/* catalogue_test.c - the prices that the binary brings along, files in their place, and ids. */
#include "policy/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/array.h"
#include "base/buf.h"
#include "policy/catalogue_inside.h"
#include "json/tree.h"

static struct slice unquoted(struct arena *a, const char *text)
{
    struct slice copy = arena_dup(a, slice_str(text));

    for (size_t i = 0; i < copy.len; i++) {
        if (copy.ptr[i] == '\'')
            ((char *)(uintptr_t)copy.ptr)[i] = '"';
    }
    return copy;
}

/* Every entry is found by its own id, and costs something that we can count, or says why not. */
static void test_builtin(void **state)
{
    struct catalogue *c = catalogue_builtin();
    struct err_info e = {0};
    struct json *file;
    struct arena a;
    size_t unpriced = 0, count = 0;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(json_parse(&a, slice_str(catalogue_data), &file, &e), ERR_NONE);
    json_for_each(entry, json_member(file, SLICE("models"))) {
        struct slice vendor = json_str(&a, json_member(entry, SLICE("provider")));
        struct slice id = json_str(&a, json_member(entry, SLICE("id")));
        const struct catalogue_entry *found = catalogue_find(c, vendor, id);
        if (!found || !slice_eq(found->id, id) || !slice_eq(found->vendor, vendor))
            fail_msg("%.*s %.*s", SLICE_ARG(vendor), SLICE_ARG(id));
        if (!found->price)
            assert_non_null(json_member(entry, SLICE("audio_hour")));
        else if (!price_dearest(found->price, 1000000, 1000000))
            fail_msg("%.*s is free", SLICE_ARG(id));
        unpriced += !found->price;
        count++;
    }
    assert_int_equal(count, 297);
    assert_int_equal(unpriced, 5);
    arena_release(&a);
    catalogue_unref(c);
}

static const struct {
    const char *vendor, *model;
    const char *text; // of the price; "-": none, NULL: not found
} finds[] = {
#include "policy/catalogue_test.def"
};

static void test_find(void **state)
{
    struct catalogue *c = catalogue_builtin();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(finds); i++) {
        const struct catalogue_entry *found =
            catalogue_find(c, slice_str(finds[i].vendor), slice_str(finds[i].model));
        struct slice text = !found         ? SLICE("NULL")
                            : found->price ? price_text(found->price)
                                           : SLICE("-");
        if (!slice_eq(text, slice_str(finds[i].text ? finds[i].text : "NULL")))
            fail_msg("%s %s: %.*s", finds[i].vendor, finds[i].model, SLICE_ARG(text));
    }
    catalogue_unref(c);
}

static void test_context(void **state)
{
    struct catalogue *c = catalogue_builtin();

    (void)state;
    assert_int_equal(catalogue_find(c, SLICE("openai"), SLICE("gpt-4.1"))->context_window, 1000000);
    assert_int_equal(catalogue_find(c, SLICE("google"), SLICE("gemini-2.5-pro"))->context_window,
                     0);
    assert_true(catalogue_has_vendor(c, SLICE("x-ai")));
    assert_true(slice_eq(catalogue_vendor_of("groq"), SLICE("groq")));
    assert_true(slice_eq(catalogue_vendor_of("aistudio"), SLICE("google")));
    assert_int_equal(catalogue_vendor_of("custom").len, 0);
    assert_false(catalogue_has_vendor(c, SLICE("xai")));
    catalogue_unref(c);
}

/* A file of an operator's: the price of v's m, or what is wrong. */
static const struct {
    const char *in, *out;
} files[] = {
#include "policy/catalogue_file_test.def"
};

static void test_files(void **state)
{
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        const struct catalogue_entry *found;
        struct err_info e = {0};
        struct catalogue *c;
        struct slice out;

        catalogue_parse(unquoted(&a, files[i].in), &c, &e);
        found = c ? catalogue_find(c, SLICE("v"), SLICE("m")) : NULL;
        out = !c                      ? slice_str(e.text)
              : found && found->price ? price_text(found->price)
                                      : SLICE("-");
        assert_int_equal(c == NULL, e.code == ERR_BAD_REQUEST);
        if (!slice_eq(out, slice_str(files[i].out)))
            fail_msg("%s: %.*s", files[i].in, SLICE_ARG(out));
        catalogue_unref(c);
    }
    arena_release(&a);
}

static void test_any_cut(void **state)
{
    struct slice whole =
        SLICE("{\"schema\":1,\"models\":[{\"provider\":\"v\",\"id\":\"m\",\"input\":1,"
              "\"tiers\":[{\"input_tokens_over\":5,\"input\":2}]}]}");
    struct err_info e = {0};
    struct catalogue *c;

    (void)state;
    for (size_t len = 0; len < whole.len; len++) {
        e = (struct err_info){0};
        assert_int_equal(catalogue_parse(slice_sub(whole, 0, len), &c, &e), ERR_BAD_REQUEST);
        assert_null(c);
    }
    e = (struct err_info){0};
    assert_int_equal(catalogue_parse(whole, &c, &e), ERR_NONE);
    catalogue_unref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin), cmocka_unit_test(test_find),
        cmocka_unit_test(test_context), cmocka_unit_test(test_files),
        cmocka_unit_test(test_any_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
