/* file_refs.h - which files at the upstream a request speaks of. */
#ifndef CHAT_FILE_REFS_H
#define CHAT_FILE_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

#define FILE_REFS_MOST 64

/* Ids, each once, in the order in which they first stand there; in the arena or the body. */
struct file_refs {
    struct slice ids[FILE_REFS_MOST]; // [count]
    size_t count;
};

/** Whether a body can speak of any: all others cost a look for a few bytes. */
bool file_refs_may(struct slice body);

/**
 * Finds what a request of Chat, Responses or Messages names: in its messages or its input, in
 * variables of a prompt, as a tool's files.  Not among them is what only looks alike: arguments
 * of tools, schemas, sources that an answer has named.  ERR_BAD_REQUEST: no JSON, or more than
 * FILE_REFS_MOST.
 */
enum err file_refs_find(struct slice body, struct arena *a, struct file_refs *out,
                        struct err_info *e);

#endif
