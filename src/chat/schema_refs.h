/* schema_refs.h - what `$ref` and `allOf` of a schema stand for.  For schema.c. */
#ifndef CHAT_SCHEMA_REFS_H
#define CHAT_SCHEMA_REFS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/table.h"
#include "chat/schema_words.h"
#include "json/tree.h"

/* Of tables of names that clients choose: an address, which they cannot know. */
static inline uint64_t schema_seed(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

enum schema_refs_mode {
    SCHEMA_REFS_INLINE, // what is referred to is put in the reference's place
    SCHEMA_REFS_KEEP,   // only within allOf, which must be merged
    SCHEMA_REFS_LEAVE,  // not even there: nothing grows
};

#define SCHEMA_MAX_REFS 16 // one inside the other

struct schema_refs {
    struct arena *scratch;
    enum schema_refs_mode mode;
    const struct json *top;
    struct table defs;                        // by reference
    bool filled;                              // when first asked for
    const struct json *open[SCHEMA_MAX_REFS]; // what is being put in place, outermost first
    size_t open_count;
    size_t work, limit; // members looked at while merging
    bool failed;        // it leads back to itself, or is too much
};

void schema_refs_init(struct schema_refs *s, struct arena *scratch, const struct json *top,
                      enum schema_refs_mode mode, size_t limit);
void schema_refs_release(struct schema_refs *s);

/**
 * `v` itself, or what it is together with all that it refers to and that its allOf says: a new
 * object in the scratch arena, without a source, which shares its values with the old ones.  Of words that are
 * said twice the outermost counts, properties and `required` are joined.  What was put in
 * place stays open until the caller sets `open_count` back, behind the schema's own schemas.
 */
const struct json *schema_flatten(struct schema_refs *s, const struct json *v);

#endif
