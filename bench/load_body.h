/* load_body.h - the requests that the load generator makes itself. */
#ifndef BENCH_LOAD_BODY_H
#define BENCH_LOAD_BODY_H

#include <stdbool.h>

#include "kit.h"

struct load_kind {
    const char *name;
    const char *path;        // %s: the model; may be NULL where the body has it
    const char *stream_path; // the same, for a stream
    const char *last_event;  // a whole stream has it near its end
    const char *last_field;  // a whole answer has it
    void (*body)(struct text *t, const char *model, bool stream);
};

/** "chat" (1.5 KB), "agent" (200 KB), "messages", "gemini", "get"; NULL: no such kind. */
const struct load_kind *load_kind_find(const char *name);

#endif
