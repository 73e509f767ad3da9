/* settings_fuzz.c - limits and settings out of any text: within bounds, or refused. */
#include <assert.h>

#include "policy/limits.h"
#include "policy/provider_settings.h"

static void try_limits(struct slice name, struct slice text, struct arena *a)
{
    struct limits l, defaults;
    struct err_info e = {0};

    limits_set_defaults(&l);
    limits_set_defaults(&defaults);
    if (limits_set(&l, name, text, a, &e)) {
        assert(l.max_attempts == defaults.max_attempts && l.timeouts.idle_ms == 120000);
        return;
    }
    assert(l.max_attempts >= 1 && l.max_attempts <= 100);
    assert(l.max_body_bytes >= 1024 && l.timeouts.idle_ms >= 1);
}

static void try_provider(struct slice text, struct arena *a)
{
    static const struct channel c = {.name = "custom"};
    struct provider_settings s;
    struct err_info e = {0};
    struct secret key;

    if (provider_settings_read(text, &c, a, &s, &e) == ERR_NONE)
        assert(s.base.host.len && !s.base.user.ptr && s.only_dialect <= DIALECT_COUNT);
    e = (struct err_info){0};
    if (credential_secret_read(secret_of(text), &c, a, &key, &e))
        return;
    for (size_t i = 0; i < secret_reveal(key).len; i++)
        assert(secret_reveal(key).ptr[i] >= '!' && secret_reveal(key).ptr[i] <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text, name = slice_cut(slice_of((const char *)data, size), '\n', &text);
    struct arena a;

    arena_init(&a, 0);
    try_limits(name, text, &a);
    try_provider(text, &a);
    arena_release(&a);
    return 0;
}
