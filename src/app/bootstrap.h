/* bootstrap.h - from whatever is there to a database that can be served from. */
#ifndef APP_BOOTSTRAP_H
#define APP_BOOTSTRAP_H

#include <stdbool.h>
#include <stdio.h>

#include "app/config.h"
#include "app/control.h"
#include "app/options.h"
#include "base/buf.h"
#include "base/err.h"

/* What the first start made. */
struct bootstrap {
    bool made_user;
    bool made_provider;            // `echo`
    char key_text[KEY_TEXT_BYTES]; // generated; empty: there is none, or --admin-api-key was it
};

/**
 * In an empty database: an administrator with a key (--admin-user, --admin-password,
 * --admin-api-key; without these two no password, and a key that is generated) who may use
 * every model, and a provider `echo` that answers by itself.  With `after_seed`, only what
 * the configuration did not bring: an administrator where there are no users, the provider
 * where there are none.  Else nothing.
 */
enum err bootstrap(struct control *c, const struct options *o, bool after_seed, struct arena *a,
                   struct bootstrap *out, struct err_info *e);

/**
 * What `serve` does before it listens: brings the database to what the configuration file
 * says (seed: only when it is empty; managed: each time), then bootstraps.  False: what was
 * wrong has been told on `err`; *exit_code is the process's.
 */
bool bootstrap_prepare(struct control *c, const struct options *o, struct arena *a,
                       struct bootstrap *out, FILE *err, int *exit_code);

/**
 * For SIGHUP and a changed file: in managed mode makes the file true again; in seed mode,
 * and without a file, nothing.  False as above, and nothing has changed.  `managed` may be NULL.
 */
bool bootstrap_reconcile(struct control *c, const struct options *o, struct arena *a, bool *managed,
                         FILE *err);

/* A list of keys that were made, for people: add each (an apply_key_fn, `ctx` is a buf), show all. */
void bootstrap_note_key(void *keys, struct slice user, struct slice label, struct slice text);

/**
 * Shows the keys that were noted, if any, once: on `terminal`; where that is none, what goes
 * there may end in a log: then they are in a file of mode 0600 in the data directory, which is
 * named there.  Wipes and releases `keys`.
 */
enum err bootstrap_show_keys(const struct options *o, struct buf *keys, FILE *terminal,
                             struct err_info *e);

/**
 * Shows the generated key once, with a curl line that works: on `terminal`, or, when that is
 * NULL, in a file of mode 0600 in the data directory, whose path is put into *file.  The key
 * goes nowhere else.  Afterwards the text is wiped.
 */
enum err bootstrap_show(struct bootstrap *b, const struct options *o, unsigned port, FILE *terminal,
                        struct arena *a, const char **file, struct err_info *e);

#endif
