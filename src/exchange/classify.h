/* classify.h - what a request line asks for: operation, dialect, provider, model. */
#ifndef EXCHANGE_CLASSIFY_H
#define EXCHANGE_CLASSIFY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "chat/dialect.h"
#include "wire/head.h"

/*
 * The paths of spec.md 3, each aggregated ("/v1/...") and scoped ("/{provider}/v1/...").
 * SDKs differ in what they put before the resource, so any run of "v1", "v1beta" and
 * "v1beta1" segments in front of it is accepted, also none.
 */
struct target {
    enum operation operation;
    enum dialect dialect;
    enum framing framing; // FRAMING_BODY unless the path says that it streams
    struct slice scope;   // the provider's name, decoded; empty: aggregated
    struct slice model;   // from the path, decoded; empty: in the body
    struct slice action;  // Gemini's, after the last colon: "embedContent"
    enum file_act act;    // of OP_FILES
    struct slice file;    // its id, decoded; not of uploads and lists
};

/**
 * ERR_NOT_FOUND for a path we do not have, ERR_METHOD for a wrong method on one that
 * we have; `out->dialect` is then the one to answer in, as well as can be guessed.
 * Decoded names live in the arena.
 */
enum err classify(const struct head *head, struct arena *arena, struct target *out,
                  struct err_info *e);

#endif
