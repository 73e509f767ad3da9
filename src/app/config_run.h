/* config_run.h - one run of config_apply().  For config_apply.c, config_find.c, config_rules.c. */
#ifndef APP_CONFIG_RUN_H
#define APP_CONFIG_RUN_H

#include "app/config_apply.h"
#include "base/table.h"

/* A row in the database that could not be read. */
struct bad_row {
    enum row_type type;
    int64_t id;
    struct bad_row *next;
};

struct made_key {
    struct slice user, label;
    char text[KEY_TEXT_BYTES];
    struct made_key *next;
};

struct run {
    const struct config *c;
    struct apply *a;
    struct arena *arena;        // of the call
    struct row_set old;         // what is in the database
    bool *kept[ROW_TYPE_COUNT]; // parallel to `old`: the file has it
    struct bad_row *bad;
    bool *replaced; // parallel to the old rules: goes, and comes again as a new row
    struct table names[ROW_TYPE_COUNT]; // of providers and aliases: name -> row_head, as they
                                        // will be
    struct table parents;               // type and id -> config_row
    struct table moved;                 // id of a provider that goes elsewhere now
    struct made_key *made, **made_end;
};

/** The row at `i` of what is in the database. */
struct row_head *run_old_at(const struct run *x, enum row_type type, size_t i);

/** The one with that id, or NULL. */
struct row_head *run_old_of(const struct run *x, enum row_type type, int64_t id);

/** The integer of a FIELD_REF of `row`. */
int64_t *run_ref_at(void *row, const struct field *f);

/**
 * JSON that came by other ways than a file is put into the form that a file's has, so that
 * what says the same is the same.
 */
void run_normalise(struct run *x);

/** A key that was given gets its digest and prefix; one without a text is left as it is. */
void run_digest_key(struct run *x, struct config_row *r);

/*
 * What a row is told apart by, of those of its type; a NULL pointer: not by this.
 * `wanted`: it is a row of the file, not of the database.
 */
typedef struct slice run_key_fn(struct arena *a, enum row_type type, const void *row, bool wanted);

/**
 * Those rows of the file that have not been found yet become those rows of the database
 * that have not been kept yet, by key.  Where several have the same, by their order:
 * of the file, and of `order`, indices of the database's rows (NULL: by id).
 */
void run_match(struct run *x, enum row_type type, run_key_fn *key, const size_t *order);

/** run_find() for rules, once references are resolved. */
void run_find_rules(struct run *x);

/**
 * Finds for each row of the file the one in the database that it is: that one's
 * head is copied, and it is noted as kept.  References are resolved.  False when
 * one is to something that is not there: c->problems says which.
 */
bool run_find(struct run *x, enum row_type type);

#endif
