/* validate.c - what can be said about a row by itself. */
#include "base/array.h"
#include "crypto/key.h"
#include "crypto/password.h"
#include "policy/field.h"
#include "policy/limits.h"
#include "policy/price.h"
#include "policy/provider_settings.h"
#include "policy/routing.h"
#include "policy/rule.h"
#include "wire/glob.h"

#define NAME_BYTES  64
#define MODEL_BYTES 256 // of an upstream's id

/* First segments of paths that are ours, or that may be: no provider or alias is called so. */
static const char *const reserved[] = {
    "admin",      "api",     "assets", "batches", "console",    "favicon.ico",  "files",
    "healthz",    "login",   "logout", "metrics", "models",     "openapi.json", "readyz",
    "robots.txt", "setup",   "static", "upload",  "user",       "v1",           "v1alpha",
    "v1beta",     "v1beta1", "v2",     "version", "well-known", ".well-known",  "ws",
};

static bool is_name_byte(char c, bool login)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || (login && (c == '@' || c == '+'));
}

/* "." and ".." are no segments of a path. */
static enum err check_name(const struct field *f, struct slice name, struct err_info *e)
{
    bool login = f->flags & FIELD_LOGIN;

    if (name.len > NAME_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "%s: must be at most %d characters", f->key, NAME_BYTES);
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i], login))
            return err_set(e, ERR_BAD_REQUEST, "%s: may hold letters, digits, '.', '_', '-'%s only",
                           f->key, login ? ", '@', '+'" : "");
    }
    if (slice_eq(name, SLICE(".")) || slice_eq(name, SLICE("..")))
        return err_set(e, ERR_BAD_REQUEST, "%s: must not be dots alone", f->key);
    for (size_t i = 0; !login && i < ARRAY_LEN(reserved); i++) {
        if (slice_eq_nocase(name, slice_str(reserved[i])))
            return err_set(e, ERR_BAD_REQUEST, "%s: '%s' is reserved", f->key, reserved[i]);
    }
    return ERR_NONE;
}

static enum err check_json(const struct field *f, struct slice json, struct err_info *e)
{
    struct err_info why = {0};
    struct arena scratch;
    struct json *value;
    enum err err;

    arena_init(&scratch, 0);
    err = json_parse(&scratch, json, &value, &why);
    arena_release(&scratch);
    return err ? err_set(e, ERR_BAD_REQUEST, "%s: %s", f->key, err_info_text(&why)) : ERR_NONE;
}

/* A strategy, and whether only later versions have it. */
struct strategy {
    const char *name;
    bool is_later;
};

static const struct strategy provider_strategies[] = {
    {"round_robin",    false},
    {"sticky",         true },
    {"cache_affinity", true },
    {"least_busy",     true },
    {"weighted",       true },
};

static const struct strategy alias_strategies[] = {
    {"failover", false},
    {"weighted", false},
    {"fastest",  true },
};

static enum err check_strategy(struct slice value, const struct strategy *all, size_t count,
                               struct err_info *e)
{
    char list[ERR_TEXT_BYTES / 2] = "";
    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (slice_eq(value, slice_str(all[i].name)))
            return all[i].is_later
                       ? err_set(e, ERR_BAD_REQUEST,
                                 "strategy: %s is not supported by this version", all[i].name)
                       : ERR_NONE;
        if (!all[i].is_later)
            at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? " or " : "",
                                   all[i].name);
    }
    return err_set(e, ERR_BAD_REQUEST, "strategy: must be %s", list);
}

static enum err check_model_id(const char *key, struct slice id, struct err_info *e)
{
    if (id.len > MODEL_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "%s: must be at most %d bytes", key, MODEL_BYTES);
    return ERR_NONE;
}

static enum err check_provider(const struct provider_row *row, struct err_info *e)
{
    const struct channel *c = channel_find(row->channel);
    struct provider_settings settings;
    struct routing_rules rules;
    struct routing routing;
    struct limits limits;
    struct arena scratch;

    if (!c)
        return err_set(e, ERR_BAD_REQUEST, "channel: there is no channel '%.*s'",
                       SLICE_ARG(slice_sub(row->channel, 0, NAME_BYTES)));
    if (check_strategy(row->strategy, provider_strategies, ARRAY_LEN(provider_strategies), e) ||
        proxy_check(row->proxy, e))
        return e->code;
    arena_init(&scratch, 0);
    limits_set_defaults(&limits);
    if (provider_settings_read(row->settings, c, &scratch, &settings, e) == ERR_NONE) {
        rules = (struct routing_rules){c, settings.only_dialect, settings.prefer_chat};
        routing_read(row->routing, &rules, &routing, e);
    }
    if (!e->code && row->timeouts.ptr)
        timeouts_read(&limits.timeouts, row->timeouts, &scratch, e);
    arena_release(&scratch);
    return e->code;
}

/* What a key the channel wants is not known here; snapshot_build() sees both. */
static enum err check_credential(const struct credential_row *row, struct err_info *e)
{
    static const struct channel any = {.name = "any"};
    struct arena scratch;
    struct secret key;
    enum err err = proxy_check(row->proxy, e);

    if (err)
        return err;
    arena_init(&scratch, 0);
    err = credential_secret_read(row->secret, &any, &scratch, &key, e);
    arena_release(&scratch);
    return err;
}

/* Absent is fine. */
static enum err check_price_text(struct slice json, struct err_info *e)
{
    const struct price *price;
    struct arena scratch;
    enum err err;

    if (!json.ptr)
        return ERR_NONE;
    arena_init(&scratch, 0);
    err = price_parse(json, &scratch, &price, e);
    arena_release(&scratch);
    return err;
}

static enum err check_model(const struct model_row *row, struct err_info *e)
{
    return check_model_id("id", row->model, e) ? e->code : check_price_text(row->price, e);
}

static enum err check_alias(const struct alias_row *row, struct err_info *e)
{
    if (check_strategy(row->strategy, alias_strategies, ARRAY_LEN(alias_strategies), e))
        return e->code;
    return check_price_text(row->price, e);
}

static enum err check_user(const struct user_row *row, struct err_info *e)
{
    if (password_looks_phc(row->password_hash) && !password_is_phc(row->password_hash))
        return err_set(e, ERR_BAD_REQUEST,
                       "password: looks like an Argon2 hash, but is not one that can be used");
    return ERR_NONE;
}

static enum err check_key(const struct key_row *row, struct err_info *e)
{
    if (row->digest.len != KEY_DIGEST_BYTES)
        return err_set(e, ERR_BAD_REQUEST, "digest: must be %d bytes", KEY_DIGEST_BYTES);
    return ERR_NONE;
}

/* Of a row that belongs to a user or to a key. */
static enum err check_subject(int64_t user_id, int64_t key_id, struct err_info *e)
{
    if ((user_id == ROW_NULL_INT) == (key_id == ROW_NULL_INT))
        return err_set(e, ERR_BAD_REQUEST, "user, key: exactly one of them is required");
    return ERR_NONE;
}

static enum err check_pattern(struct slice models, struct err_info *e)
{
    struct err_info why = {0};

    if (models.len == 0) // no name is empty
        return err_set(e, ERR_BAD_REQUEST, "models: must not be empty");
    if (glob_validate(models, &why))
        return err_set(e, ERR_BAD_REQUEST, "models: %s", err_info_text(&why));
    return ERR_NONE;
}

static enum err check_permission(const struct permission_row *row, struct err_info *e)
{
    if (check_subject(row->user_id, row->key_id, e))
        return e->code;
    return check_pattern(row->models, e);
}

static enum err check_rate_limit(const struct rate_limit_row *row, struct err_info *e)
{
    if (check_subject(row->user_id, row->key_id, e) || check_pattern(row->models, e))
        return e->code;
    if (row->rpm == ROW_NULL_INT && row->rpd == ROW_NULL_INT && row->tpm == ROW_NULL_INT &&
        row->tpd == ROW_NULL_INT && row->max_concurrent == ROW_NULL_INT)
        return err_set(e, ERR_BAD_REQUEST,
                       "rpm: one of rpm, rpd, tpm, tpd, max_concurrent is required");
    return ERR_NONE;
}

static enum err check_quota(const struct quota_row *row, struct err_info *e)
{
    static const char *const periods[] = {"total", "day", "week", "month"};

    if (check_subject(row->user_id, row->key_id, e))
        return e->code;
    for (size_t i = 0; i < ARRAY_LEN(periods); i++) {
        if (slice_eq(row->period, slice_str(periods[i])))
            return ERR_NONE;
    }
    return err_set(e, ERR_BAD_REQUEST, "period: must be total, day, week or month");
}

static enum err check_price(const struct price_row *row, struct err_info *e)
{
    return check_pattern(row->models, e) ? e->code : check_price_text(row->price, e);
}

static enum err check_setting(const struct setting_row *row, struct err_info *e)
{
    struct limits limits;
    struct arena scratch;
    enum err err;

    arena_init(&scratch, 0);
    limits_set_defaults(&limits);
    err = limits_set(&limits, row->name, row->value, &scratch, e);
    arena_release(&scratch);
    return err;
}

static enum err check_kind(enum row_type type, const void *row, struct err_info *e)
{
    switch (type) {
    case ROW_PROVIDER: return check_provider(row, e);
    case ROW_CREDENTIAL: return check_credential(row, e);
    case ROW_MODEL: return check_model(row, e);
    case ROW_ALIAS: return check_alias(row, e);
    case ROW_ALIAS_TARGET:
        return check_model_id("model", ((const struct alias_target_row *)row)->model, e);
    case ROW_USER: return check_user(row, e);
    case ROW_KEY: return check_key(row, e);
    case ROW_PERMISSION: return check_permission(row, e);
    case ROW_PRICE: return check_price(row, e);
    case ROW_RATE_LIMIT: return check_rate_limit(row, e);
    case ROW_QUOTA: return check_quota(row, e);
    case ROW_FILE_PERMISSION: return ERR_NONE;
    case ROW_RULE: return rule_check(row, e);
    case ROW_SETTING: return check_setting(row, e);
    case ROW_TYPE_COUNT: break;
    }
    return ERR_NONE;
}

enum err row_validate(enum row_type type, const void *row, struct err_info *e)
{
    const struct row_kind *k = row_kind(type);

    for (size_t i = 0; i < k->field_count; i++) {
        const struct field *f = &k->fields[i];
        const struct slice *text =
            (const struct slice *)(const void *)((const char *)row + f->offset);
        if ((f->flags & FIELD_LATER) && !field_is_null(f, row))
            return err_set(e, ERR_BAD_REQUEST, "%s: not supported by this version", f->key);
        if (field_check(f, row, "", e))
            return e->code;
        if ((f->flags & FIELD_NAME) && check_name(f, *text, e))
            return e->code;
        if (f->type == FIELD_JSON && text->ptr && check_json(f, *text, e))
            return e->code;
    }
    return check_kind(type, row, e);
}
