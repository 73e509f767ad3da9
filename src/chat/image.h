/* image.h - pictures from a prompt, made by models that answer conversations. */
#ifndef CHAT_IMAGE_H
#define CHAT_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "chat/request.h"
#include "chat/shape.h"
#include "chat/usage.h"

/*
 * OpenAI's /v1/images/generations towards Gemini's generateContent and towards Responses with
 * its image_generation tool (other-endpoints.md, 4).  One picture at a time, whole: `n` above 1,
 * `stream` and URLs instead of bytes are refused.
 */

/**
 * `r` gives the arena and takes the notes.  ERR_BAD_REQUEST names the field.
 */
enum err image_write_request(struct chat_request *r, struct slice body, const struct chat_target *t,
                             struct buf *out, struct err_info *e);

/**
 * Adds to `usage`, which is that of the answer as of any other, what its pictures cost beside it.
 */
void image_read_usage(enum dialect upstream, struct slice answer, struct chat_usage *usage);

/**
 * `usage` of NULL: not known.  ERR_UPSTREAM_REFUSED, with upstream's reason, when there is no
 * picture in the answer.
 */
enum err image_write_answer(enum dialect upstream, struct slice answer, int64_t now_unix,
                            const struct chat_usage *usage, struct buf *out, struct err_info *e);

#endif
