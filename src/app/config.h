/* config.h - the configuration file, read and checked, not yet applied. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "app/problems.h"
#include "app/yaml.h"
#include "base/arena.h"
#include "base/secret.h"
#include "policy/row.h"

/*
 * Sections and fields follow from the descriptors of rows (policy/row.h): a
 * top-level list per kind that stands alone, a nested list per kind that has a
 * parent.  Rules have both: at the top, and in the alias that they are of.
 * Everything wrong is told at once, by file, line and column.
 */
enum config_mode {
    CONFIG_SEED,    // fills an empty database, once
    CONFIG_MANAGED, // is the truth for what it declares
};

/* A row that is named and not nested in: of a provider, or of an alias. */
struct config_ref {
    struct slice name; // NULL pointer: none
    struct place place;
};

/* One row that the file asks for. */
struct config_row {
    enum row_type type;
    void *row; // its struct: id 0, references null; a password as it was given
    const struct yaml_node *node;
    struct config_row *parent; // what it is nested in; NULL at the top
    struct config_ref provider, alias;
    struct secret key_text;  // ROW_KEY: as given; NULL pointer: to be generated, or a digest stands
    unsigned given;          // bits by field: which ones the file has
    unsigned lists;          // bits by row_type: which nested lists it has
    unsigned filled;         // of these, the ones with a row in them
    struct config_row *next; // of the same type, in the order of the file
};

struct config {
    struct problems *problems;
    enum config_mode mode;
    struct slice fingerprint;       // of the secret key that `digest`s belong to; empty: none
    const struct yaml_node *server; // NULL: not there
    bool declared[ROW_TYPE_COUNT];  // the section, or some nested list, is there
    unsigned sections;              // bits by row_type: of these, the ones at the top
    struct config_row *rows[ROW_TYPE_COUNT], *last[ROW_TYPE_COUNT];
};

/** The name by which `r` refers to a row of `type`, where it is not nested in one. */
static inline const struct config_ref *config_ref(const struct config_row *r, enum row_type type)
{
    return type == ROW_ALIAS ? &r->alias : &r->provider;
}

/** Whether the field of `r` is a reference by name: neither the row it is nested in nor a sibling of it. */
static inline bool config_is_named(const struct config_row *r, const struct field *f)
{
    return f->type == FIELD_REF && (!(f->flags & FIELD_PARENT) || !r->parent);
}

enum config_flag {
    CONFIG_PARTIAL = 1, // names may also be of rows that are in the database already
};

/**
 * Reads a whole configuration.  Problems are in `p`, whose file name is also what
 * relative paths of "file:" values start from; what is answered stands in `p->arena`
 * and is good when p->errors is 0.
 */
struct config *config_parse(struct slice text, const struct yaml_variables *variables,
                            unsigned flags, struct problems *p);

/** As above, from the file p->file ("-": the standard input); one that cannot be read is a problem too. */
struct config *config_read(const struct yaml_variables *variables, unsigned flags,
                           struct problems *p);

/** Adds warnings: what is declared here and will do nothing, or not what was meant. */
void config_warn(const struct config *c);

#endif
