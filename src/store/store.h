/* store.h - the rows of the control plane, kept. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "policy/row.h"

/*
 * One struct store is one connection and is used by one thread at a time; any
 * number of them may be open on the same data, in any process.  What differs
 * between kinds of rows comes from their descriptors (policy/row.h), so that a
 * new field is one line there and one migration.
 *
 * Secrets are sealed on the way in and opened on the way out, bound to table,
 * row and column: a sealed value that was moved to another row does not open.
 * Rows deleted take with them the rows that belong to them.
 */
struct store;
struct seal_key;

enum store_flag {
    STORE_MUST_EXIST = 1, // ERR_NOT_FOUND rather than making one; an empty file is none
};

/**
 * Opens "sqlite://PATH", makes it when it is not there (mode 0600) and brings its
 * tables up to date.  ERR_IO: cannot be opened or written; ERR_DAMAGED: is not
 * whole, or not ours; ERR_NEWER: written by a newer version; ERR_BAD_REQUEST or
 * ERR_UNSUPPORTED: a DSN that cannot be used.
 */
enum err store_open(const char *dsn, unsigned flags, struct store **out, struct err_info *e);
void store_close(struct store *s);

/**
 * What secrets are sealed with (crypto/seal.h), copied.  Without one, writing a row that
 * has a secret fails, and loading skips such rows with a report.
 */
void store_use_key(struct store *s, const struct seal_key *key);

/* Who makes the changes that follow, for the audit log (store/audit.h). */
struct store_actor {
    const char *kind;   // "cli", "config", "bootstrap", "admin"
    const char *actor;  // who, or which file
    const char *origin; // host or address
    const char *note;   // why; NULL: nothing
};

/** From now on; copied, and cut where it is very long.  Until then it is nobody. */
void store_set_actor(struct store *s, const struct store_actor *actor);

/**
 * Notes which secret key the data belongs to, by its fingerprint (crypto/master.h);
 * once noted, ERR_CONFLICT for every other one.
 */
enum err store_claim(struct store *s, const char *fingerprint, struct err_info *e);

/** The fingerprint that was noted, at most `size` - 1 of it; an empty text: none yet. */
enum err store_owner(struct store *s, char *out, size_t size, struct err_info *e);

/* A row that had to be left out, and why.  `reason` lives during the call. */
typedef void store_report_fn(void *ctx, enum row_type type, int64_t id, const char *reason);

/**
 * Reads all rows as they are at one moment, in order of id, into `arena`.  A bad
 * row is reported and skipped; only a database that cannot be read fails.
 */
enum err store_load(struct store *s, struct arena *arena, struct row_set *out,
                    store_report_fn *report, void *ctx, struct err_info *e);

/** Whether rows may have changed since the last store_load() here, whoever changed them.  Cheap. */
bool store_changed(struct store *s);

/** Whether the file was moved, deleted or replaced: what is read and written here nobody else sees. */
bool store_has_moved(struct store *s);

/** Whether no kind has a row. */
enum err store_is_empty(struct store *s, bool *empty, struct err_info *e);

/**
 * Writes a row.  With head.id 0 it is added, and id and times are filled in;
 * otherwise all its fields replace what is there (ERR_NOT_FOUND when it is gone).
 * ERR_CONFLICT: a name taken, or a reference to a row that is not there.
 */
enum err store_put(struct store *s, enum row_type type, void *row, struct err_info *e);

/** Deletes a row and what belongs to it; ERR_NOT_FOUND when it is gone. */
enum err store_delete(struct store *s, enum row_type type, int64_t id, struct err_info *e);

/*
 * Between begin and commit all is seen by others at once or not at all.  They do
 * not nest.  A failed put or delete leaves the transaction open and itself undone.
 */
enum err store_begin(struct store *s, struct err_info *e);
enum err store_commit(struct store *s, struct err_info *e);
void store_rollback(struct store *s); // no transaction: nothing

#endif
