/* actor.h - who this process is, for the audit log. */
#ifndef APP_ACTOR_H
#define APP_ACTOR_H

#include "store/store.h"

/** Whoever runs the command, at this machine; `note` is why, or NULL. */
void actor_is_caller(struct store *s, const char *note);

/** The configuration file. */
void actor_is_file(struct store *s, const char *path);

/** The first start, which makes what is needed. */
void actor_is_bootstrap(struct store *s);

#endif
