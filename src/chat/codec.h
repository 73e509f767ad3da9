/* codec.h - one dialect: read and written, requests and answers. */
#ifndef CHAT_CODEC_H
#define CHAT_CODEC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "chat/dialect.h"
#include "chat/envelope.h"
#include "chat/event.h"
#include "chat/request.h"
#include "chat/shape.h"
#include "json/tree.h"

/*
 * Nothing translates from one dialect into another.  A codec reads its dialect into the
 * shared vocabulary and writes it from there.  Readers take what real clients send, within
 * the dialect's meaning, and refuse what has none; unknown fields are noted, never an error.
 * Writers write what chat/shape.h has left, and trust it.
 */

/** ERR_BAD_REQUEST names the field: "messages[2].content[0].type: ...".  `body` is an object. */
typedef enum err codec_read_request_fn(const struct json *body, const struct chat_seal *seal,
                                       struct chat_request *out, struct err_info *e);

/** A whole body.  `r` has been shaped for `t`. */
typedef void codec_write_request_fn(const struct chat_request *r, const struct chat_target *t,
                                    struct buf *out);

/*
 * A decoder hears one answer.  Its state is `decoder_size` bytes of zeroed storage; what it
 * holds beyond that is bounded and goes with decoder_release.  Any bytes are safe: what is
 * not of the dialect ends in CHAT_ERROR, what is unknown is passed over.  After END or ERROR
 * every call is without effect.
 */
struct codec_decode_options {
    int64_t now_unix;            // seconds, where upstream does not say when
    struct slice id;             // of the exchange: seed of ids that upstream does not give
    struct slice upstream_model; // where upstream does not say which
    bool text_secrets;           // Gemini: the client's dialect has a place for secrets of texts
    unsigned round;              // of an answer that has paused: the ids of no two are the same
    bool resumable;              // Anthropic: it may pause, and what it said then has to go back
};
typedef void codec_decoder_init_fn(void *decoder, const struct codec_decode_options *o);

/** One SSE event's name and data, or (Gemini's array) one element. */
typedef void codec_decode_fn(void *decoder, struct slice name, struct slice payload,
                             const struct chat_sink *sink);

/** A whole answer, in place of all of the others. */
typedef void codec_decode_whole_fn(void *decoder, struct slice body, const struct chat_sink *sink);

/** The stream is over: END if it may be, else ERROR. */
typedef void codec_decode_end_fn(void *decoder, const struct chat_sink *sink);
typedef void codec_decoder_release_fn(void *decoder);

/*
 * An encoder writes one answer: bytes of an SSE stream (or Gemini's array) as the events
 * come, or one document at END.  Its state is `encoder_size` bytes of zeroed storage.
 * A delta costs no allocation, except where bytes have to be gathered, and then amortised.
 */
struct codec_encode_options {
    const struct chat_request *request; // the client's, for what its answer repeats
    enum framing framing;
    struct slice id;    // of the exchange: seed of the ids that upstream did not give
    struct slice model; // as the client named it
    int64_t now_unix;   // seconds, where upstream does not say
    const struct chat_seal *seal;
    size_t limit_bytes; // of all that is gathered; beyond it the answer ends in an error
};
typedef void codec_encoder_init_fn(void *encoder, const struct codec_encode_options *o);

/**
 * Appends bytes to `out`.  For FRAMING_BODY nothing comes before END, and nothing at all
 * when an ERROR came instead: the caller says it as an HTTP error.  A stream's ERROR is the
 * dialect's in-band error, and the end.  False once the answer has outgrown `limit_bytes`.
 */
typedef bool codec_encode_fn(void *encoder, const struct chat_event *ev, struct buf *out);
typedef void codec_encoder_release_fn(void *encoder);

struct codec {
    enum dialect dialect;
    codec_read_request_fn *read_request;
    codec_write_request_fn *write_request;
    size_t decoder_size, encoder_size;
    codec_decoder_init_fn *decoder_init;
    codec_decode_fn *decode;
    codec_decode_whole_fn *decode_whole;
    codec_decode_end_fn *decode_end;
    codec_decoder_release_fn *decoder_release;
    codec_encoder_init_fn *encoder_init;
    codec_encode_fn *encode;
    codec_encoder_release_fn *encoder_release;
};

extern const struct codec codec_openai_chat, codec_openai_responses, codec_anthropic, codec_gemini;

/** NULL for dialects without one (DIALECT_OPENAI). */
const struct codec *codec_find(enum dialect d);

#endif
