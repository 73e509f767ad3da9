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
    {"{'provider': [{'name': 'openai', 'channel': 'openai'}]}", NULL},
    {"{'provider': [{'name': '" LONG64 "', 'channel': 'openai'}]}", NULL},
    {"{'provider': [{'name': '" LONG64 "m', 'channel': 'openai'}]}", "name: must be at most 64 characters"},
    {"{'provider': [{'name': 'A.b_c-9', 'channel': 'openai'}]}", NULL},
    {"{'provider': [{'name': 'v1', 'channel': 'openai'}]}", "name: 'v1' is reserved"},
    {"{'provider': [{'name': 'Admin', 'channel': 'openai'}]}", "name: 'admin' is reserved"},
    {"{'provider': [{'name': 'v1beta1', 'channel': 'openai'}]}", "name: 'v1beta1' is reserved"},
    {"{'provider': [{'name': '..', 'channel': 'openai'}]}", "name: must not be dots alone"},
    {"{'provider': [{'name': 'a/b', 'channel': 'openai'}]}", "name: may hold letters, digits, '.', '_', '-' only"},
    {"{'provider': [{'name': 'a@b', 'channel': 'openai'}]}", "name: may hold letters, digits, '.', '_', '-' only"},
    {"{'provider': [{'name': '\xc3\xa9', 'channel': 'openai'}]}", "name: may hold letters, digits, '.', '_', '-' only"},
    {"{'provider': [{'name': '', 'channel': 'openai'}]}", "name: must not be empty"},
    {"{'provider': [{'channel': 'openai'}]}", "name: is required"},
    {"{'provider': [{'name': 'a'}]}", "channel: is required"},
    {"{'provider': [{'name': 'a', 'channel': 'nope'}]}", "channel: there is no channel 'nope'"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'label': 'x\\ny'}]}", "label: must be UTF-8 without control characters"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'strategy': 'sticky'}]}", NULL},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'strategy': 'random'}]}", "strategy: must be one of round_robin, sticky, cache_affinity, least_busy, weighted"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'proxy': 'socks5://u:p@h:1080'}]}", NULL},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'proxy': 'ftp://h'}]}", "proxy: URL: it does not begin with http://, https:// or socks5://"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'timeouts': {'idle_ms': 5}}]}", NULL},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'timeouts': {'idle_ms': 0}}]}", "timeouts.idle_ms: must be from 1 to 86400000"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'timeouts': {'idle': 5}}]}", "timeouts.idle: there is no such key"},
    {"{'provider': [{'name': 'a', 'channel': 'openai', 'settings': {'base': 1}}]}", "settings.base: there is no such key"},
    {"{'credential': [{'provider': 1, 'secret': {'api_key': 'sk'}}]}", NULL},
    {"{'credential': [{'provider': 1}]}", NULL},
    {"{'credential': [{'secret': {'api_key': 'sk'}}]}", "provider: is required"},
    {"{'credential': [{'provider': 1, 'secret': {'api_key': 'a\\r\\nb: c'}}]}", "secret.api_key: must be UTF-8 without control characters"},
    {"{'credential': [{'provider': 1, 'secret': {'api_key': 'a b'}}]}", "secret.api_key: must be printable ASCII without spaces"},
    {"{'credential': [{'provider': 1, 'secret': {'key': 'sk'}}]}", "secret.key: there is no such key"},
    {"{'credential': [{'provider': 1, 'secret': 'sk'}]}", "secret: must be an object"},
    {"{'credential': [{'provider': 1, 'weight': 10001}]}", "weight: must be from 0 to 10000"},
    {"{'credential': [{'provider': 1, 'rpm': 0}]}", "rpm: must be from 1 to 1000000000"},
    {"{'model': [{'provider': 1, 'id': 'meta/llama:4', 'price': {'input': '1'}}]}", NULL},
    {"{'model': [{'provider': 1, 'id': 'm', 'price': {'in': '1'}}]}", "price.in: there is no such key"},
    {"{'model': [{'provider': 1, 'id': ''}]}", "id: must not be empty"},
    {"{'model': [{'provider': 1, 'id': 'm', 'context_window': -1}]}", "context_window: must be from 1 to 1000000000000"},
    {"{'alias': [{'name': 'fast', 'strategy': 'weighted'}]}", NULL},
    {"{'alias': [{'name': 'fast', 'strategy': 'best'}]}", "strategy: must be one of failover, weighted, fastest"},
    {"{'alias_target': [{'alias': 1, 'provider': 1, 'model': 'm'}]}", NULL},
    {"{'alias_target': [{'alias': 1, 'model': 'm'}]}", "provider: is required"},
    {"{'user': [{'name': 'admin'}]}", NULL},
    {"{'user': [{'name': 'a+b@example.org'}]}", NULL},
    {"{'user': [{'name': 'a b'}]}", "name: may hold letters, digits, '.', '_', '-', '@', '+' only"},
    {"{'user': [{'name': 'a', 'password': 'plain'}]}", NULL},
    {"{'user': [{'name': 'a', 'password': '" PHC "'}]}", NULL},
    {"{'user': [{'name': 'a', 'password': '$argon2id$nonsense'}]}", "password: looks like an Argon2 hash, but is not one that can be used"},
    {"{'key': [{'user': 1, 'digest': 'd', 'prefix': 'gp-12345'}]}", NULL},
    {"{'key': [{'user': 1, 'prefix': 'gp-12345'}]}", "digest: is required"},
    {"{'permission': [{'user': 1, 'models': 'gpt-*'}]}", NULL},
    {"{'permission': [{'key': 1, 'models': '*'}]}", NULL},
    {"{'permission': [{'models': '*'}]}", "user, key: exactly one of them is required"},
    {"{'permission': [{'user': 1, 'key': 1, 'models': '*'}]}", "user, key: exactly one of them is required"},
    {"{'permission': [{'user': 1}]}", "models: is required"},
    {"{'setting': [{'name': 'max_attempts', 'value': 3}]}", NULL},
    {"{'setting': [{'name': 'network', 'value': {'allow_private': false}}]}", NULL},
    {"{'setting': [{'name': 'nonsense', 'value': 3}]}", "nonsense: there is no such setting"},
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
        cmocka_unit_test(test_bad_glob),
    };

    if (!crypto_init())
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
