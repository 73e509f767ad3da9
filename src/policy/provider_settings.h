/* provider_settings.h - a provider's `settings`, checked against its channel. */
#ifndef POLICY_PROVIDER_SETTINGS_H
#define POLICY_PROVIDER_SETTINGS_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "channel/channel.h"
#include "wire/url.h"

struct provider_settings {
    struct slice base_url;              // as written; the channel's when there is none
    struct slice organization, project; // OpenAI's headers
    struct slice dialect;               // as written
    struct slice ca_file;
    struct slice prices;       // as written
    struct slice price_vendor; // whose prices of the catalogue hold; empty: nobody's
    bool declared_models_only;
    bool insecure_skip_verify;
    bool prefer_chat;
    bool strict_translation;
    bool auto_cache;
    bool magic_strings;
    struct url base;           // of base_url; zero for channels that answer themselves
    enum dialect only_dialect; // DIALECT_COUNT: whatever the channel speaks
};

/**
 * Reads the JSON object.  Keys that the channel does not know, wrong types and URLs that
 * cannot be an upstream (hardening.md T6, T25) are ERR_BAD_REQUEST and name the key.
 * What `out` holds stands in `a`.
 */
enum err provider_settings_read(struct slice json, const struct channel *c, struct arena *a,
                                struct provider_settings *out, struct err_info *e);

/**
 * A credential's secret, {"api_key": "..."}: `key` is empty when there is none, which is
 * ERR_BAD_REQUEST where the channel wants one.  It is one that may stand in a header.
 */
enum err credential_secret_read(struct secret json, const struct channel *c, struct arena *a,
                                struct secret *key, struct err_info *e);

/** A proxy: http, https or socks5, with or without user and password; an empty text is fine. */
enum err proxy_check(struct slice url, struct err_info *e);

#endif
