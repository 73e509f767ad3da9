/* config_run.h - one run of config_apply().  For config_apply.c and config_find.c. */
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
    struct table providers; // name -> row_head, as they will be
    struct table parents;   // type and id -> config_row
    struct table moved;     // id of a provider that goes elsewhere now
    struct made_key *made, **made_end;
};

/** The row at `i` of what is in the database. */
struct row_head *run_old_at(const struct run *x, enum row_type type, size_t i);

/** The integer of a FIELD_REF of `row`. */
int64_t *run_ref_at(void *row, const struct field *f);

/** A key that was given gets its digest and prefix; one without a text is left as it is. */
void run_digest_key(struct run *x, struct config_row *r);

/**
 * Finds for each row of the file the one in the database that it is: that one's
 * head is copied, and it is noted as kept.  References are resolved.  False when
 * one is to something that is not there: c->problems says which.
 */
bool run_find(struct run *x, enum row_type type);

#endif
