/* edit.h - the few bytes of a request body that change on its way upstream. */
#ifndef EXCHANGE_EDIT_H
#define EXCHANGE_EDIT_H

#include <stdbool.h>
#include <sys/uio.h>

#include "base/arena.h"
#include "base/slice.h"
#include "json/scan.h"

/* Replaces body[start, end) by `text`; the edits of a list are in order and do not overlap. */
struct edit {
    size_t start, end;
    struct slice text;
};

#define EDIT_MAX_PARTS 5 // of a body with up to two edits

/**
 * The edited body as a list of pieces for writev, no byte of it copied; more edits than
 * fit into `parts[EDIT_MAX_PARTS]` are put together in the arena.  Sets the whole length.
 */
int edit_apply(struct arena *a, struct slice body, const struct edit *edits, size_t count,
               struct iovec parts[EDIT_MAX_PARTS], size_t *len);

/** A JSON string literal for `text`, in the arena. */
struct slice edit_string(struct arena *a, struct slice text);

/**
 * What makes a Chat request ask for usage: `stream_options` as it stands in the body
 * (absent: end is 0) gets include_usage true.
 */
struct edit edit_include_usage(struct slice body, struct json_span stream_options);

/**
 * Gemini names the model inside some bodies too: {"model"} and {"requests":[{"model"}]} and
 * {"generateContentRequest":{"model"}}.  Each one is set to "models/MODEL" where it says
 * something else.  Answers the number of edits; `*edits` stands in the arena.
 */
size_t edit_gemini_models(struct arena *a, struct slice body, struct slice model,
                          struct edit **edits);

#endif
