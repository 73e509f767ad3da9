/* account_text.c - which limit it was, in words. */
#include "base/clock.h"
#include "base/money.h"
#include "policy/account_inside.h"

#define SHOWN_BYTES 60 // of a label or a pattern
#define DATE_BYTES  10 // "2026-12-01" of a time

static const char *const kinds[LIMIT_KIND_COUNT] = {
    "rpm", "rpd", "tpm", "tpd", "concurrent", "quota", "unpriced", "bad_row",
};

const char *limit_kind_name(enum limit_kind kind)
{
    return kinds[kind];
}

/* Cut between characters. */
static struct slice shown(struct slice s)
{
    size_t len = s.len;

    if (len > SHOWN_BYTES) {
        len = SHOWN_BYTES;
        while (len && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
            len--;
    }
    return slice_sub(s, 0, len);
}

#define SUBJECT_BYTES (SHOWN_BYTES + 32)

/* `user "alice"`, `key "laptop"`, `key 12` */
static const char *subject_text(const struct key *key, enum subject subject,
                                char out[SUBJECT_BYTES])
{
    struct slice name = shown(subject == SUBJECT_KEY ? key->label : key->user->name);

    if (subject == SUBJECT_KEY && name.len == 0)
        snprintf(out, SUBJECT_BYTES, "key %lld", (long long)key->id);
    else
        snprintf(out, SUBJECT_BYTES, "%s \"%.*s\"", subject == SUBJECT_KEY ? "key" : "user",
                 SLICE_ARG(name));
    return out;
}

#define SPAN_BYTES 32

static const char *span_text(int64_t ms, char out[SPAN_BYTES])
{
    int64_t seconds = ms / 1000 + (ms % 1000 > 0);

    if (seconds < 120)
        snprintf(out, SPAN_BYTES, "in %lld s", (long long)seconds);
    else if (seconds < 7200)
        snprintf(out, SPAN_BYTES, "in %lld min", (long long)((seconds + 59) / 60));
    else
        snprintf(out, SPAN_BYTES, "in %lld h", (long long)((seconds + 3599) / 3600));
    return out;
}

static enum err set_rate(const struct refusal *why, const struct reserve_ask *ask,
                         const char *subject, struct err_info *e)
{
    static const char *const units[FIGURE_COUNT][2] = {
        {"request per minute",  "requests per minute" },
        {"request per day",     "requests per day"    },
        {"token per minute",    "tokens per minute"   },
        {"token per day",       "tokens per day"      },
        {"request at one time", "requests at one time"},
    };
    int64_t limit = why->limit->figures[why->kind];
    const char *unit = units[why->kind][limit != 1];
    char span[SPAN_BYTES] = "shortly";
    struct slice models = shown(why->limit->models);

    if (why->wait_ms == WAIT_NEVER && limit > 0)
        return err_set(e, ERR_RATE_LIMIT,
                       "rate limit of %s: %lld %s for \"%.*s\", and this request alone may take "
                       "%lld: send less at a time",
                       subject, (long long)limit, unit, SLICE_ARG(models), (long long)ask->tokens);
    if (why->wait_ms == WAIT_NEVER)
        return err_set(e, ERR_RATE_LIMIT, "rate limit of %s: 0 %s for \"%.*s\", none is let pass",
                       subject, unit, SLICE_ARG(models));
    if (why->wait_ms > 0)
        span_text(why->wait_ms, span);
    if (!e->code)
        e->retry_after_ms = why->wait_ms;
    return err_set(e, ERR_RATE_LIMIT, "rate limit of %s: %lld %s for \"%.*s\", try again %s",
                   subject, (long long)limit, unit, SLICE_ARG(models), span);
}

static enum err set_quota(const struct refusal *why, const struct reserve_ask *ask,
                          const char *subject, struct err_info *e)
{
    static const char *const each[PERIOD_COUNT] = {"in all", "a day", "a week", "a month"};
    const struct quota *q = why->quota;
    char usd[MONEY_TEXT_BYTES], left[MONEY_TEXT_BYTES], cost[MONEY_TEXT_BYTES];
    char time[CLOCK_TEXT_BYTES], anew[64] = "";

    if (q->is_bad)
        return err_set(e, ERR_QUOTA, "quota of %s: its row %lld is not valid, nothing may be spent",
                       subject, (long long)q->id);
    if (q->period != PERIOD_TOTAL) {
        clock_format_unix_ms(why->ends_unix_ms, time);
        snprintf(anew, sizeof(anew), "; it begins anew on %.*s (UTC)", DATE_BYTES, time);
    }
    money_format_usd(q->usd_nusd, usd);
    if (why->left_nusd <= 0)
        return err_set(e, ERR_QUOTA, "quota of %s: %s USD %s, all of it is used%s", subject, usd,
                       each[q->period], anew);
    money_format_usd(why->left_nusd, left);
    money_format_usd(ask->cost_nusd, cost);
    return err_set(e, ERR_QUOTA,
                   "quota of %s: %s USD %s, %s USD are left and this request may cost %s USD%s",
                   subject, usd, each[q->period], left, cost, anew);
}

static enum err set_unpriced(const struct reserve_ask *ask, const char *subject, struct err_info *e)
{
    struct slice model = shown(ask->model);

    if (ask->unpriced == UNPRICED_DENY)
        return err_set(e, ERR_QUOTA, "there is no price for \"%.*s\", and none may be used without",
                       SLICE_ARG(model));
    return err_set(e, ERR_QUOTA,
                   "there is no price for \"%.*s\", and %s has a quota to keep: it may not be used",
                   SLICE_ARG(model), subject);
}

enum err refusal_set(const struct refusal *why, const struct reserve_ask *ask, struct err_info *e)
{
    char room[SUBJECT_BYTES];
    const char *subject = subject_text(ask->key, why->subject, room);

    switch (why->kind) {
    case LIMIT_RPM:
    case LIMIT_RPD:
    case LIMIT_TPM:
    case LIMIT_TPD:
    case LIMIT_CONCURRENT: return set_rate(why, ask, subject, e);
    case LIMIT_QUOTA: return set_quota(why, ask, subject, e);
    case LIMIT_UNPRICED: return set_unpriced(ask, subject, e);
    case LIMIT_BAD_ROW:
        return err_set(e, ERR_RATE_LIMIT,
                       "rate limit of %s: its row %lld is not valid, nothing is let pass", subject,
                       (long long)account_allowance(ask->key, why->subject)->bad_limit_id);
    case LIMIT_KIND_COUNT: break;
    }
    return ERR_INTERNAL;
}
