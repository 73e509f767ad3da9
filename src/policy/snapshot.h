/* snapshot.h - the control plane, frozen: what an exchange is decided by. */
#ifndef POLICY_SNAPSHOT_H
#define POLICY_SNAPSHOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/secret.h"
#include "base/slice.h"
#include "base/table.h"
#include "channel/channel.h"
#include "policy/price.h"
#include "policy/row.h"
#include "wire/url.h"

#define KEY_DIGEST_BYTES 32

/* Milliseconds; see spec.md 8. */
struct timeouts {
    int64_t connect_ms;    // 10 s
    int64_t first_byte_ms; // 300 s
    int64_t idle_ms;       // 120 s between chunks
    int64_t request_ms;    // 600 s for a buffered answer, none for a stream
};

struct credential {
    int64_t id;
    struct slice label;
    struct secret api_key; // empty where the channel needs none
    int64_t weight;
};

struct provider {
    int64_t id;
    struct slice name;
    const struct channel *channel;
    struct url base;                    // scheme, host, port, path prefix; zero for local channels
    enum dialect only_dialect;          // custom: DIALECT_COUNT when all three are spoken
    struct credential *credentials;     // enabled ones
    size_t credential_count;
    struct table models;                // upstream id -> struct model, enabled ones
    bool declared_models_only;
    struct slice proxy;                 // URL; empty: none
    struct timeouts timeouts;
    struct slice organization, project; // OpenAI's headers, empty: not sent
    bool insecure_skip_verify;
    struct slice ca_file;
    atomic_uint *next_credential;       // round robin; outlives the snapshot
};

struct model {
    struct slice id, display_name;
    struct provider *provider;
    const struct price *price; // NULL: unpriced
    int64_t created_unix_ms;
    int64_t context_window;    // 0: not known
};

struct alias_target {
    struct provider *provider;
    struct slice model;
    const struct model *row; // NULL: not declared
    int64_t weight, tier;
};

struct alias {
    struct slice name;
    struct alias_target *targets; // in tier order
    size_t target_count;
    int64_t created_unix_ms;
};

struct permission {
    const struct provider *provider; // NULL: any
    struct slice models;             // glob
};

struct user {
    int64_t id;
    struct slice name;
    bool enabled, admin;
    struct permission *permissions;
    size_t permission_count;
};

struct key {
    int64_t id;
    const struct user *user;
    struct slice label;
    unsigned char digest[KEY_DIGEST_BYTES];
    bool enabled;
    int64_t expires_unix_ms; // 0: never
    struct permission *permissions; // narrow the user's when there are any
    size_t permission_count;
};

/* Settings that the data plane reads; each has its default. */
struct limits {
    int64_t max_body_bytes;           // 64 MiB
    int64_t max_inflight_body_bytes;  // 1 GiB
    int64_t max_answer_buffer_bytes;  // 64 KiB: a buffered answer over it flows
    bool allow_private;               // upstreams on loopback and private addresses
    struct slice cors_origins;        // "*" or a comma-separated list
};

struct snapshot {
    atomic_uint refs;
    uint64_t version;
    struct arena arena;
    struct table keys;      // digest -> struct key
    struct table providers; // name -> struct provider, enabled ones
    struct table aliases;   // name -> struct alias, enabled ones
    struct table models;    // bare id -> struct model; ambiguous ones are in `ambiguous` too
    struct table ambiguous; // bare id -> struct slice: "a and b", the providers' names
    struct limits limits;
    size_t user_count;
};

/* Rows that had to be left out, for the log and `gproxy check`. */
typedef void snapshot_complain_fn(void *ctx, enum row_type type, int64_t id, const char *reason);

/**
 * Builds a snapshot with one reference; never fails as a whole: a bad row is
 * reported and skipped.  The rows may go afterwards.
 */
struct snapshot *snapshot_build(const struct row_set *rows, uint64_t version,
                                snapshot_complain_fn *complain, void *ctx);

struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); // NULL is fine; wipes secrets with the last one

#endif
