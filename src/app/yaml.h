/* yaml.h - a YAML document as a tree whose nodes know where they stood. */
#ifndef APP_YAML_H
#define APP_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "app/problems.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/*
 * A scalar is text until its reader says what it has to be: `no` is text where
 * text is asked for and wrong where a truth value is.  Quoted ones are never
 * null, numbers or truth values, unless a variable was put in.
 */
struct yaml_node {
    enum yaml_kind kind;
    struct place place;
    bool quoted;       // YAML_SCALAR
    bool substituted;  // a ${NAME} was in it
    bool broken;       // a problem has been told already: no more about it
    struct slice text; // YAML_SCALAR: NUL terminated, the NUL not counted
    struct yaml_pair *pairs;
    struct yaml_node **items;
    size_t count; // of pairs or items

    /* private */
    size_t room, weight, height;
};

struct yaml_pair {
    struct slice key;
    struct place place;
    struct yaml_node *value;
};

/* Where ${NAME} comes from; NULL: the process's environment. */
typedef const char *yaml_variable_fn(void *ctx, const char *name);

struct yaml_variables {
    yaml_variable_fn *get;
    void *ctx;
};

#define YAML_MAX_BYTES (64 << 20)
#define YAML_MAX_DEPTH 64
#define YAML_MAX_NODES 4000000 // aliases counted as often as they are used

/**
 * Reads one document: maps, lists, scalars, anchors and aliases; JSON is YAML.
 * In scalars "${NAME}" and "${NAME:-default}" are replaced, and "$${" stands for
 * "${".  An empty document is an empty map.  NULL when the text cannot be read at
 * all; other problems (an undefined variable, a key twice) leave a tree.  All in
 * `p->arena`.
 */
struct yaml_node *yaml_parse(struct slice text, const struct yaml_variables *variables,
                             struct problems *p);

/** The value of a key, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* What a scalar can be taken for. */
bool yaml_is_null(const struct yaml_node *n);
bool yaml_to_bool(const struct yaml_node *n, bool *out);
bool yaml_to_int(const struct yaml_node *n, int64_t *out);
bool yaml_is_number(const struct yaml_node *n); // any of JSON's, quoted or not

/** "a list", "a map", "a number", ...: for messages. */
const char *yaml_describe(const struct yaml_node *n);

/** Writes the tree as JSON; with `as_text`, what a variable was put into is a string. */
void yaml_write_json(const struct yaml_node *n, bool as_text, struct buf *out);

/** Writes `s` as a JSON string, quotes included; good YAML too.  "${" is written "$${". */
void yaml_write_text(struct slice s, struct buf *out);

#endif
