/* error.h - errors in the words of each dialect. */
#ifndef CHAT_ERROR_H
#define CHAT_ERROR_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "chat/dialect.h"

/** The HTTP status that the dialect's SDK expects for `code` (protocols/mapping.md, 5). */
int error_status(enum dialect d, enum err code);

/** A whole error body.  FRAMING_ARRAY wraps Gemini's in an array. */
void error_write_body(enum dialect d, enum framing framing, const struct err_info *e,
                      struct slice request_id, struct buf *out);

/**
 * The in-band error of a stream that has begun: whole SSE event(s), or an array
 * element with what separates and closes it (`first`: no element went before).
 * Nothing follows it, no [DONE], no message_stop.  FRAMING_BODY: nothing is written,
 * the answer can only be cut.
 */
void error_write_stream(enum dialect d, enum framing framing, const struct err_info *e,
                        struct slice request_id, bool first, struct buf *out);

/** What the `error` event of Responses holds behind its sequence number, from the comma on. */
void error_write_responses_event(const struct err_info *e, struct buf *out);

#endif
