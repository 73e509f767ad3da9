/* config.c - the configuration file, read and checked, not yet applied. */
#include "app/config.h"

#include <string.h>

#include "app/config_row.h"
#include "app/file.h"
#include "app/options.h"
#include "base/array.h"
#include "crypto/master.h"

/* The sections of the file that are lists of rows. */
static const struct {
    const char *key;
    enum row_type type;
} sections[] = {
    {"providers", ROW_PROVIDER},
    {"aliases",   ROW_ALIAS   },
    {"users",     ROW_USER    },
    {"prices",    ROW_PRICE   },
    {"rules",     ROW_RULE    },
};

static const char *const top_keys[] = {"config", "server", "providers", "aliases",
                                       "users",  "prices", "rules",     "settings"};

static void read_mode(struct config *c, const struct yaml_node *n)
{
    if (n->kind == YAML_SCALAR && slice_eq(n->text, SLICE("managed")))
        c->mode = CONFIG_MANAGED;
    else if (n->kind != YAML_SCALAR || !slice_eq(n->text, SLICE("seed")))
        problem_add(c->problems, n->place, "config.mode: seed or managed");
}

static void read_config(struct config *c, const struct yaml_node *n)
{
    static const char *const keys[] = {"mode", "secret_key_fingerprint"};

    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_MAP) {
        problem_add(c->problems, n->place, "config: must be a map, not %s", yaml_describe(n));
        return;
    }
    for (size_t i = 0; i < n->count; i++) {
        const struct yaml_pair *pair = &n->pairs[i];
        if (slice_eq(pair->key, slice_str(keys[0])))
            read_mode(c, pair->value);
        else if (!slice_eq(pair->key, slice_str(keys[1])))
            config_unknown_key(c, "config", pair, keys, ARRAY_LEN(keys));
        else if (pair->value->kind == YAML_SCALAR)
            c->fingerprint = pair->value->text;
        else
            problem_add(c->problems, pair->value->place, "secret_key_fingerprint: must be text");
    }
}

static void read_server(struct config *c, const struct yaml_node *n)
{
    if (yaml_is_null(n))
        return;
    if (n->kind != YAML_MAP) {
        problem_add(c->problems, n->place, "server: must be a map, not %s", yaml_describe(n));
        return;
    }
    c->server = n;
    options_check_server(n, c->problems);
}

static void read_section(struct config *c, const struct yaml_pair *pair)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        if (slice_eq(pair->key, slice_str(sections[i].key))) {
            config_read_list(c, sections[i].type, pair, NULL);
            return;
        }
    }
    config_unknown_key(c, NULL, pair, top_keys, ARRAY_LEN(top_keys));
}

struct config *config_parse(struct slice text, const struct yaml_variables *variables,
                            unsigned flags, struct problems *p)
{
    struct config *c = arena_new(p->arena, struct config);
    const struct yaml_node *root = yaml_parse(text, variables, p);

    c->problems = p;
    if (!root)
        return c;
    if (root->kind != YAML_MAP) {
        problem_add(p, root->place, "the file must be a map of sections, not %s",
                    yaml_describe(root));
        return c;
    }
    for (size_t i = 0; i < root->count; i++) {
        const struct yaml_pair *pair = &root->pairs[i];
        if (slice_eq(pair->key, SLICE("config")))
            read_config(c, pair->value);
        else if (slice_eq(pair->key, SLICE("server")))
            read_server(c, pair->value);
        else if (slice_eq(pair->key, SLICE("settings")))
            config_read_settings(c, pair->value);
        else
            read_section(c, pair);
    }
    config_check_names(c, flags);
    return c;
}

struct config *config_read(const struct yaml_variables *variables, unsigned flags,
                           struct problems *p)
{
    struct err_info e = {.code = ERR_NONE};
    struct slice text = {NULL, 0};

    if (file_read(p->file, YAML_MAX_BYTES, p->arena, &text, &e)) {
        problem_add(p, (struct place){0, 0}, "%s", err_info_text(&e));
        return arena_new(p->arena, struct config);
    }
    return config_parse(text, variables, flags, p);
}
