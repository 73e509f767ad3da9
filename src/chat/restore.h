/* restore.h - calls come back under the names, and in the form, that the client knows. */
#ifndef CHAT_RESTORE_H
#define CHAT_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/table.h"
#include "chat/event.h"
#include "chat/request.h"
#include "chat/unwrap.h"

/*
 * Stands between decoder and encoder, and undoes what chat/shape.h did to tools: names that
 * were made fit, custom tools sent as functions of {"input": text}, schemas wrapped into
 * {"value": ...}, structured output by a forced tool (whose arguments become text, and the
 * finish a stop).  Events that need nothing pass untouched.  Zeroed storage, then _init.
 */
struct restore {
    /* private */
    const struct chat_request *request;
    struct chat_sink sink;
    bool idle;             // nothing was changed: everything passes
    bool ended;            // it ended in an error of its own
    struct table tools;    // struct chat_tool by the name that upstream knows
    struct unwrap **parts; // [part_cap] by index: of open ones that are unwrapped; or NULL
    size_t part_cap;
    uint64_t called, formatted; // choices, one bit each, by what was called in them
};

void restore_init(struct restore *r, const struct chat_request *request, struct chat_sink sink);
void restore_release(struct restore *r);

/** A chat_sink_fn; ctx is the struct restore. */
void restore_take(void *restore, const struct chat_event *ev);

#endif
