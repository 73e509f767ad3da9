/* embed.h - embeddings between OpenAI's endpoint and Gemini's (other-endpoints.md, 3). */
#ifndef CHAT_EMBED_H
#define CHAT_EMBED_H

#include "base/buf.h"
#include "base/err.h"
#include "chat/request.h"
#include "chat/usage.h"

/*
 * A client of one is answered by an upstream of the other.  The others have no embeddings.
 * Gemini is always asked by batchEmbedContents, one request for each of OpenAI's inputs;
 * a Gemini client's embedContent and batchEmbedContents are told apart by what they hold.
 *
 * Vectors keep their numbers as they are written, and become base64 (little-endian float32)
 * only where an OpenAI client asks for that, as the SDKs do.
 */
#define EMBED_GEMINI_ACTION "batchEmbedContents"
#define EMBED_MAX_INPUTS    2048 // OpenAI's limit; Gemini's is 100

/* What the answer must know of the request. */
struct embed {
    bool to_gemini;
    bool as_base64;     // an OpenAI client wants it
    bool is_one;        // a Gemini client's embedContent
    size_t count;       // of inputs, and so of vectors
    int64_t text_bytes; // about, of all inputs
};

/**
 * `r` gives the client's dialect and the arena, and takes the notes; `model` is upstream's.
 * ERR_BAD_REQUEST names the field.
 */
enum err embed_write_request(struct chat_request *r, struct slice body, struct slice model,
                             struct embed *out_embed, struct buf *out, struct err_info *e);

/**
 * `model` is as the client named it.  Where upstream says nothing of tokens, `usage` is
 * estimated and `source` says so.  ERR_UPSTREAM_BROKEN when there are not as many vectors as
 * inputs; what is in `out` is then worth nothing.
 */
enum err embed_write_answer(const struct embed *embed, struct slice answer, struct slice model,
                            struct buf *out, struct chat_usage *usage, enum usage_source *source,
                            struct err_info *e);

#endif
