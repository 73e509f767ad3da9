/* schema.h - JSON schemas as each vendor takes them (protocols/mapping.md 2.4). */
#ifndef CHAT_SCHEMA_H
#define CHAT_SCHEMA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/slice.h"

/*
 * `raw` is JSON that was found to be valid.  Where nothing has to change, the same slice comes
 * back, otherwise a text in the arena.  What a vendor does not know is said in the
 * description, if it tells a model anything, and left out; names of properties stay.
 *
 * No schema costs more than a small multiple of its length: references are put in their
 * place only as long as what comes of it is not much larger (4 times and 64 KiB), and only
 * where none leads back to itself.
 */

/** For parametersJsonSchema and responseJsonSchema.  References that cannot be resolved stay. */
struct slice schema_for_gemini(struct arena *a, struct slice raw);

/**
 * For strict tools and output_config.format, where objects are closed and nothing refers.
 * False when it cannot be said so: it is recursive, or has objects whose names are free.
 */
bool schema_for_anthropic(struct arena *a, struct slice raw, struct slice *out);

/** For `strict`: closed objects whose properties are all required; what was optional may be null. */
struct slice schema_for_openai_strict(struct arena *a, struct slice raw);

/** Does OpenAI's `strict` take it as it is? */
bool schema_is_strict(struct slice raw);

/* What the top of a tool's schema must be. */
enum schema_top {
    SCHEMA_TOP_OBJECT = 0,      // an object
    SCHEMA_TOP_BARE = 1 << 0,   // without anyOf, oneOf, allOf, not and enum (Anthropic, OpenAI)
    SCHEMA_TOP_LISTED = 1 << 1, // with `properties`, even if there are none (OpenAI)
    SCHEMA_TOP_CLOSED = 1 << 2, // if it has to be wrapped: without others (strict)
};

/**
 * A schema of an object, whatever `raw` is: one that was none goes into {"value": schema}, and
 * `wrapped` is set.  Absent: an object without properties.
 */
struct slice schema_as_object(struct arena *a, struct slice raw, unsigned top, bool *wrapped);

#endif
