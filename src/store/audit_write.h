/* audit_write.h - what the store tells the audit log. */
#ifndef STORE_AUDIT_WRITE_H
#define STORE_AUDIT_WRITE_H

#include "base/arena.h"
#include "store/sqlite.h"

#define AUDIT_MAX_FIELDS 64

/* A row as the log may show it. */
struct audit_image {
    bool exists;
    struct slice name;
    struct slice values[AUDIT_MAX_FIELDS]; // JSON, by field; NULL pointer: null
};

/** The row as it is now; what cannot be read of it is left out. */
enum err audit_look(struct store *s, enum row_type type, int64_t id, struct arena *a,
                    struct audit_image *out, struct err_info *e);

/** What will go with a row that is deleted, in words; empty: nothing. */
enum err audit_count_children(struct store *s, enum row_type type, int64_t id, struct arena *a,
                              struct slice *out, struct err_info *e);

/** Writes the line, unless nothing has changed.  `more`: put to the actor's note. */
enum err audit_write(struct store *s, enum row_type type, int64_t id,
                     const struct audit_image *before, const struct audit_image *after,
                     struct slice more, struct err_info *e);

#endif
