/* flags.c - the values of a command's own flags. */
#include "app/flags.h"

#include "base/array.h"
#include "base/clock.h"

/* "24h", "7d", "30m", "90s": that long ago. */
static bool parse_span(struct slice text, int64_t *ms)
{
    static const struct {
        char unit;
        int64_t ms;
    } units[] = {
        {'s', 1000    },
        {'m', 60000   },
        {'h', 3600000 },
        {'d', 86400000}
    };
    uint64_t count;

    if (text.len < 2 || !slice_to_u64(slice_sub(text, 0, text.len - 1), &count) || count > 1000000)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (text.ptr[text.len - 1] == units[i].unit) {
            *ms = (int64_t)count * units[i].ms;
            return true;
        }
    }
    return false;
}

const char *flag_text(const struct command_context *x, const char *name)
{
    return arguments_get(&x->arguments, name);
}

bool flag_time(const struct command_context *x, const char *name, int64_t now_unix_ms, int64_t *out)
{
    struct slice text = slice_str(flag_text(x, name));
    int64_t ago;

    if (!text.ptr || clock_parse(text, out))
        return true;
    if (parse_span(text, &ago)) {
        *out = now_unix_ms - ago;
        return true;
    }
    command_misused(x, "--%s is \"%s\", not 24h, 7d or 2026-11-22T16:00:00Z", name, text.ptr);
    return false;
}

bool flag_count(const struct command_context *x, const char *name, int64_t most, int64_t *out)
{
    struct slice text = slice_str(flag_text(x, name));
    uint64_t value;

    if (!text.ptr)
        return true;
    if (!slice_to_u64(text, &value) || !value || value > (uint64_t)most) {
        if (most == INT64_MAX)
            command_misused(x, "--%s is \"%s\", not a number", name, text.ptr);
        else
            command_misused(x, "--%s is \"%s\", not a number from 1 to %lld", name, text.ptr,
                            (long long)most);
        return false;
    }
    *out = (int64_t)value;
    return true;
}
