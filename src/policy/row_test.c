/* row_test.c - descriptors, and rows made, copied and checked by them. */
#include "policy/row.h"

#include "base/array.h"
#include "crypto/random.h"
#include "policy/rows_test.h"

/* What the descriptors say about themselves must hold: everything else is made from them. */
static void test_descriptors(void **state)
{
    (void)state;
    for (int type = 0; type < ROW_TYPE_COUNT; type++) {
        const struct row_kind *k = row_kind((enum row_type)type);
        for (size_t i = 0; i < k->field_count; i++) {
            const struct field *f = &k->fields[i];
            assert_true(f->offset >= sizeof(struct row_head) && f->offset < k->size);
            assert_true((f->type == FIELD_REF) == (f->ref != ROW_TYPE_COUNT));
            assert_true(!(f->flags & FIELD_PARENT) || f->type == FIELD_REF);
            assert_true(!(f->flags & FIELD_NAME) || f->type == FIELD_TEXT);
            assert_true(f->min <= f->max && strlen(f->help) > 0);
            assert_ptr_equal(row_field(k, slice_str(f->key)), f);
            for (size_t j = 0; j < i; j++) {
                assert_string_not_equal(f->name, k->fields[j].name);
                assert_true(f->offset != k->fields[j].offset);
            }
        }
    }
    assert_null(row_field(row_kind(ROW_USER), SLICE("nonsense")));
    assert_ptr_equal(row_field(row_kind(ROW_MODEL), SLICE("id")),
                     row_field(row_kind(ROW_MODEL), SLICE("model")));
}

static void test_defaults(void **state)
{
    struct credential_row c;
    struct provider_row p;
    struct key_row k;

    (void)state;
    row_set_defaults(row_kind(ROW_CREDENTIAL), &c);
    assert_true(c.enabled);
    assert_int_equal(c.weight, 100);
    assert_int_equal(c.rpm, ROW_NULL_INT);
    assert_int_equal(c.provider_id, ROW_NULL_INT);
    assert_null(secret_reveal(c.secret).ptr);
    row_set_defaults(row_kind(ROW_PROVIDER), &p);
    assert_true(slice_eq(p.settings, SLICE("{}")));
    assert_true(slice_eq(p.strategy, SLICE("round_robin")));
    assert_null(p.name.ptr);
    row_set_defaults(row_kind(ROW_KEY), &k);
    assert_int_equal(k.expires_unix_ms, ROW_NULL_INT);
    assert_int_equal(k.head.id, 0);
}

static void test_copy(void **state)
{
    struct arena from, to;
    struct credential_row *copy;
    const struct credential_row *row;
    struct row_set set;

    (void)state;
    arena_init(&from, 0);
    arena_init(&to, 0);
    set = rows_from_json(&from, "{'credential': [{'provider': 7, 'label': 'main', 'weight': 3,"
                                " 'secret': {'api_key': 'sk'}}]}");
    row = ROWS(&set, ROW_CREDENTIAL, struct credential_row);
    copy = row_copy(&to, row_kind(ROW_CREDENTIAL), row);
    arena_release(&from);
    assert_int_equal(copy->head.id, 1);
    assert_int_equal(copy->provider_id, 7);
    assert_int_equal(copy->weight, 3);
    assert_true(slice_eq(copy->label, SLICE("main")));
    assert_true(slice_eq(secret_reveal(copy->secret), SLICE("{\"api_key\": \"sk\"}")));
    assert_null(copy->proxy.ptr);
    arena_release(&to);
}

#define LONG64 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl"
#define PHC    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"

/* One row each; the second figure is what its first error is, NULL: none. */
static const struct {
    const char *row, *error;
} cases[] = {
#include "policy/row_test.def"
};

static void test_validate(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err_info e = {0};
        struct row_set set;
        struct arena a;
        enum err err = ERR_NONE;

        arena_init(&a, 0);
        set = rows_from_json(&a, cases[i].row);
        for (int type = 0; type < ROW_TYPE_COUNT; type++) {
            if (set.counts[type])
                err = row_validate((enum row_type)type, set.rows[type], &e);
        }
        if (strcmp(e.text, cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].row, e.text);
        assert_int_equal(err, cases[i].error ? ERR_BAD_REQUEST : ERR_NONE);
        assert_int_equal(err, e.code);
        arena_release(&a);
    }
}

/* A glob that is not valid is refused with the reason that wire/glob.h gives. */
static void test_find(void **state)
{
    static const int64_t ids[] = {1, 2, 7, 100, INT64_MAX};
    static const int64_t missing[] = {INT64_MIN, 0, 3, 99, 101, INT64_MAX - 1};
    struct model_row rows[ARRAY_LEN(ids)] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        rows[i].head.id = ids[i];
    for (size_t count = 0; count <= ARRAY_LEN(ids); count++) {
        struct row_set set = {.rows[ROW_MODEL] = rows, .counts[ROW_MODEL] = count};
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            assert_ptr_equal(row_set_find(&set, ROW_MODEL, ids[i]), i < count ? &rows[i] : NULL);
        for (size_t i = 0; i < ARRAY_LEN(missing); i++)
            assert_null(row_set_find(&set, ROW_MODEL, missing[i]));
        assert_null(row_set_find(&set, ROW_KEY, 1));
    }
}

static void test_bad_glob(void **state)
{
    struct permission_row row;
    struct err_info e = {0};

    (void)state;
    row_set_defaults(row_kind(ROW_PERMISSION), &row);
    row.user_id = 1;
    row.models = SLICE("[a");
    assert_int_equal(row_validate(ROW_PERMISSION, &row, &e), ERR_BAD_REQUEST);
    assert_true(slice_starts(slice_str(e.text), SLICE("models: ")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptors), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_copy),        cmocka_unit_test(test_validate),
        cmocka_unit_test(test_bad_glob),    cmocka_unit_test(test_find),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
