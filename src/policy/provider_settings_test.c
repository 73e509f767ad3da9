/* provider_settings_test.c - settings against channels, secrets, proxies. */
#include "policy/provider_settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/array.h"

static const struct channel remote = {.name = "openai", .base_url = "https://api.example.com"};
static const struct channel custom = {.name = "custom", .wants_secret = true};

static enum err answer(const struct channel_local_request *request, struct buf *out,
                       const char **type, struct chat_usage *usage, struct err_info *e)
{
    (void)request, (void)out, (void)type, (void)usage, (void)e;
    return ERR_NONE;
}

static const struct channel local = {.name = "local", .answer = answer};

#define SKIP(url) "{\"base_url\":\"" url "\",\"insecure_skip_verify\":true}"
#define REFUSED \
    "settings.insecure_skip_verify: only for a base_url on a loopback or private address"
#define BASE(url) "{\"base_url\":\"" url "\"}"

static const struct {
    const struct channel *channel;
    const char *json, *host, *error;
} cases[] = {
#include "policy/provider_settings_test.def"
};

static void test_settings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct provider_settings s;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        provider_settings_read(slice_str(cases[i].json), cases[i].channel, &a, &s, &e);
        if (strcmp(e.text, cases[i].error ? cases[i].error : "") != 0)
            fail_msg("%s: %s", cases[i].json, e.text);
        if (!cases[i].error && !slice_eq(s.base.host, slice_str(cases[i].host)))
            fail_msg("%s: host %.*s", cases[i].json, SLICE_ARG(s.base.host));
        arena_release(&a);
    }
}

static void test_values(void **state)
{
    struct provider_settings s;
    struct err_info e = {0};
    struct arena a;

    (void)state;
    arena_init(&a, 0);
    assert_int_equal(provider_settings_read(SLICE("{\"base_url\":\"http://h/v1\","
                                                  "\"dialect\":\"gemini\"}"),
                                            &custom, &a, &s, &e),
                     ERR_NONE);
    assert_int_equal(s.only_dialect, DIALECT_GEMINI);
    assert_true(slice_eq(s.base.path, SLICE("/v1")));
    assert_int_equal(provider_settings_read(SLICE("{\"organization\":\"o\",\"project\":\"p\"}"),
                                            &remote, &a, &s, &e),
                     ERR_NONE);
    assert_int_equal(s.only_dialect, DIALECT_COUNT);
    assert_true(slice_eq(s.organization, SLICE("o")) && slice_eq(s.project, SLICE("p")));
    assert_false(s.declared_models_only);
    arena_release(&a);
}

/* Whose prices hold. */
static void test_prices(void **state)
{
    static const struct {
        const struct channel *channel;
        const char *json, *vendor;
    } vendors[] = {
        {&remote, "{}",                                              "openai"  },
        {&remote, "{\"prices\":\"\"}",                               "openai"  },
        {&remote, "{\"prices\":\"none\"}",                           ""        },
        {&remote, "{\"prices\":\"deepseek\"}",                       "deepseek"},
        {&custom, "{\"base_url\":\"http://h\"}",                     ""        },
        {&custom, "{\"base_url\":\"http://h\",\"prices\":\"groq\"}", "groq"    },
        {&custom, "{\"base_url\":\"http://h\",\"prices\":\"none\"}", ""        },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vendors); i++) {
        struct provider_settings s;
        struct err_info e = {0};
        struct arena a;

        arena_init(&a, 0);
        provider_settings_read(slice_str(vendors[i].json), vendors[i].channel, &a, &s, &e);
        assert_int_equal(e.code, ERR_NONE);
        if (!slice_eq(s.price_vendor, slice_str(vendors[i].vendor)))
            fail_msg("%s: %.*s", vendors[i].json, SLICE_ARG(s.price_vendor));
        arena_release(&a);
    }
}

static const struct {
    const struct channel *channel;
    const char *json, *key, *error; // how it begins
} secrets[] = {
#include "policy/provider_secret_test.def"
};

static void test_secrets(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct err_info e = {0};
        struct secret key;
        struct arena a;

        arena_init(&a, 0);
        credential_secret_read(secret_of(slice_str(secrets[i].json)), secrets[i].channel, &a, &key,
                               &e);
        if ((e.code == ERR_NONE) != !secrets[i].error ||
            !slice_starts(slice_str(e.text), slice_str(secrets[i].error)))
            fail_msg("%zu: %s", i, e.text);
        assert_null(strstr(e.text, "very")); // no part of a secret in a message
        assert_true(slice_eq(secret_reveal(key), slice_str(secrets[i].key)));
        arena_release(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_prices),
        cmocka_unit_test(test_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
