/* provider_settings.c - a provider's `settings`, checked against its channel. */
#include "policy/provider_settings.h"

#include <arpa/inet.h>
#include <stddef.h>

#include "base/array.h"
#include "crypto/keep.h"
#include "policy/catalogue.h"
#include "policy/field.h"

#define MAX_FIELDS 16

/* Who knows a setting, where it is not one channel alone. */
#define EVERY_CHANNEL ""
#define WITH_UPSTREAM "*"

struct setting {
    const char *channel; // its name, or one of those above
    struct field field;
};

#define SETTING(channel, member, type, initial, help)                                      \
    {                                                                                      \
        channel,                                                                           \
        {                                                                                  \
#member, #member, FIELD_##type, 0, offsetof(struct provider_settings, member), \
                ROW_TYPE_COUNT, 0, 0, initial, help                                        \
        }                                                                                  \
    }

static const struct setting settings[] = {
    SETTING(WITH_UPSTREAM, base_url, TEXT, NULL,
            "where the upstream is, with or without a version"),
    SETTING("openai", organization, TEXT, NULL, "sent as openai-organization"),
    SETTING("openai", project, TEXT, NULL, "sent as openai-project"),
    SETTING("custom", dialect, TEXT, NULL,
            "the only one it speaks: openai, openai_chat, openai_responses, anthropic, gemini"),
    SETTING("openai", prefer_chat, BOOL, "false",
            "clients of other vendors come in by Chat Completions, not by Responses"),
    SETTING("custom", prefer_chat, BOOL, "false",
            "clients of other vendors come in by Chat Completions, not by Responses"),
    SETTING(WITH_UPSTREAM, strict_translation, BOOL, "false",
            "refuse what a translation would have to drop"),
    SETTING(WITH_UPSTREAM, auto_cache, BOOL, "true",
            "Anthropic: mark the prompts of clients of other dialects for caching"),
    SETTING(WITH_UPSTREAM, magic_strings, BOOL, "false",
            "Anthropic: clients mark prompts for caching by strings in their texts"),
    SETTING(EVERY_CHANNEL, declared_models_only, BOOL, "false", "refuse models that have no row"),
    SETTING(WITH_UPSTREAM, ca_file, TEXT, NULL,
            "PEM file of authorities to trust, beside the system's"),
    SETTING(WITH_UPSTREAM, insecure_skip_verify, BOOL, "false",
            "do not verify TLS; private addresses only"),
    SETTING(WITH_UPSTREAM, prices, TEXT, NULL,
            "whose prices of the catalogue hold: openai, anthropic, google, ...; none"),
};

_Static_assert(ARRAY_LEN(settings) <= MAX_FIELDS, "room for all");

static bool knows(const struct channel *c, const char *channel)
{
    if (strcmp(channel, EVERY_CHANNEL) == 0)
        return true;
    return strcmp(channel, WITH_UPSTREAM) == 0 ? !c->answer : strcmp(channel, c->name) == 0;
}

/* The fields that the channel knows. */
static size_t fields_of(const struct channel *c, struct field fields[MAX_FIELDS])
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (knows(c, settings[i].channel))
            fields[count++] = settings[i].field;
    }
    return count;
}

/* Names that no public resolver answers for: RFC 6761, RFC 6762, RFC 8375, ICANN's "internal". */
static bool is_private_name(struct slice host)
{
    static const char *const ends[] = {".localhost", ".local", ".internal", ".home.arpa"};

    if (slice_find(host, '.') == SIZE_MAX)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (slice_ends(host, slice_str(ends[i])))
            return true;
    }
    return false;
}

/* Loopback and RFC 1918. */
static bool is_private_ipv4(uint32_t address)
{
    return address >> 24 == 127 || address >> 24 == 10 || address >> 20 == 0xac1 ||
           address >> 16 == 0xc0a8;
}

/* Loopback, and unique local addresses (RFC 4193). */
static bool is_private_ipv6(const unsigned char address[16])
{
    static const unsigned char loopback[16] = {[15] = 1};

    return memcmp(address, loopback, 16) == 0 || (address[0] & 0xfe) == 0xfc;
}

static bool is_private(const struct url *u)
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in6_addr v6;
    struct in_addr v4;

    if (u->host.len < sizeof(host))
        memcpy(host, u->host.ptr, u->host.len);
    if (u->host_is_ipv6)
        return inet_pton(AF_INET6, host, &v6) == 1 && is_private_ipv6(v6.s6_addr);
    if (inet_pton(AF_INET, host, &v4) == 1)
        return is_private_ipv4(ntohl(v4.s_addr));
    return is_private_name(u->host);
}

static enum err check_base(struct provider_settings *s, const struct channel *c, struct err_info *e)
{
    struct err_info why = {0};

    if (c->answer)
        return ERR_NONE;
    if (!s->base_url.ptr)
        s->base_url = slice_str(c->base_url);
    if (!s->base_url.ptr)
        return err_set(e, ERR_BAD_REQUEST, "settings.base_url: the channel %s needs one", c->name);
    if (url_parse(s->base_url, &s->base, &why))
        return err_set(e, ERR_BAD_REQUEST, "settings.base_url: %s", err_info_text(&why));
    if (!slice_eq(s->base.scheme, SLICE("http")) && !slice_eq(s->base.scheme, SLICE("https")))
        return err_set(e, ERR_BAD_REQUEST,
                       "settings.base_url: must begin with http:// or https://");
    if (s->base.user.ptr || s->base.password.ptr)
        return err_set(e, ERR_BAD_REQUEST,
                       "settings.base_url: must not hold a user or password: credentials do");
    if (s->insecure_skip_verify && !is_private(&s->base))
        return err_set(
            e, ERR_BAD_REQUEST,
            "settings.insecure_skip_verify: only for a base_url on a loopback or private "
            "address");
    return ERR_NONE;
}

/* What stands in a header of its own: printable ASCII. */
static bool is_header_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '!' || s.ptr[i] > '~')
            return false;
    }
    return true;
}

static enum err check_rest(struct provider_settings *s, struct err_info *e)
{
    s->only_dialect = DIALECT_COUNT;
    if (s->dialect.ptr && !dialect_parse(s->dialect, &s->only_dialect))
        return err_set(e, ERR_BAD_REQUEST,
                       "settings.dialect: must be openai, openai_chat, openai_responses, anthropic "
                       "or gemini");
    if (!is_header_text(s->organization))
        return err_set(e, ERR_BAD_REQUEST, "settings.organization: must be printable ASCII");
    if (!is_header_text(s->project))
        return err_set(e, ERR_BAD_REQUEST, "settings.project: must be printable ASCII");
    return ERR_NONE;
}

static void choose_prices(struct provider_settings *s, const struct channel *c)
{
    if (!s->prices.len)
        s->price_vendor = catalogue_vendor_of(c->name);
    else if (!slice_eq(s->prices, SLICE("none")))
        s->price_vendor = s->prices;
}

enum err provider_settings_read(struct slice json, const struct channel *c, struct arena *a,
                                struct provider_settings *out, struct err_info *e)
{
    struct field fields[MAX_FIELDS];
    size_t count = fields_of(c, fields);

    *out = (struct provider_settings){0};
    if (fields_read_text(fields, count, out, json, "settings", "settings.", a, e) ||
        check_base(out, c, e) || check_rest(out, e))
        return e->code;
    choose_prices(out, c);
    return ERR_NONE;
}

/* What a secret object holds. */
struct secret_fields {
    struct slice api_key;
};

static const struct field secret_fields[] = {
    {"api_key", "api_key", FIELD_TEXT, 0, offsetof(struct secret_fields, api_key), ROW_TYPE_COUNT,
     0, 0, NULL, "as the vendor gave it"},
};

/* The key in `read` stands in `scratch`. */
static enum err read_secret(struct slice json, const struct channel *c, struct arena *scratch,
                            struct secret_fields *read, struct err_info *e)
{
    if (json.ptr && fields_read_text(secret_fields, ARRAY_LEN(secret_fields), read, json, "secret",
                                     "secret.", scratch, e))
        return e->code;
    if (read->api_key.len == 0 && c->wants_secret)
        return err_set(e, ERR_BAD_REQUEST, "secret.api_key: the channel %s needs one", c->name);
    if (!is_header_text(read->api_key))
        return err_set(e, ERR_BAD_REQUEST,
                       "secret.api_key: must be printable ASCII without spaces");
    return ERR_NONE;
}

enum err credential_secret_read(struct secret json, const struct channel *c, struct arena *a,
                                struct secret *key, struct err_info *e)
{
    struct secret_fields read = {0};
    struct arena scratch;
    enum err err;

    arena_init(&scratch, 0);
    *key = (struct secret){{0}};
    err = read_secret(secret_reveal(json), c, &scratch, &read, e);
    if (err == ERR_NONE && read.api_key.len)
        *key = secret_dup(a, secret_of(read.api_key));
    if (read.api_key.len)
        secret_wipe((char *)(uintptr_t)read.api_key.ptr, read.api_key.len); // in our own scratch
    arena_release(&scratch);
    return err;
}

enum err proxy_check(struct slice url, struct err_info *e)
{
    struct err_info why = {0};
    struct url parsed;

    if (url.len == 0 || url_parse(url, &parsed, &why) == ERR_NONE)
        return ERR_NONE;
    return err_set(e, ERR_BAD_REQUEST, "proxy: %s", err_info_text(&why));
}
