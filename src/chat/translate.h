/* translate.h - a whole request, and a whole answer or stream, from one dialect to another. */
#ifndef CHAT_TRANSLATE_H
#define CHAT_TRANSLATE_H

#include "chat/codec.h"
#include "chat/restore.h"
#include "chat/resume.h"

/**
 * Reads the client's body.  `request` lives in the arena, as long as the body; it is what the
 * answer's translation needs.
 */
enum err translate_read(enum dialect client, struct slice body, const struct chat_seal *seal,
                        struct arena *a, struct chat_request *request, struct err_info *e);

/** Shapes it for `t`, once, and appends what goes upstream. */
enum err translate_write(struct chat_request *request, const struct chat_target *t, struct buf *out,
                         struct err_info *e);

/** Takes secrets and the names of accounts out of what an upstream says. */
typedef void translate_scrub_fn(void *ctx, struct slice message, struct buf *out);

/*
 * An answer on its way back.  Both halves' state lives in the arena of the request that is
 * answered; what they hold beyond it goes with translation_release().
 */
struct translation {
    const struct codec *up, *down;
    struct codec_decode_options decode;
    struct resume resume;
    struct restore restore;
    translate_scrub_fn *scrub;
    void *scrub_ctx;
    struct chat_sink tap;  // hears every event before the client's encoder does; may be empty
    struct buf *out;       // where the client's bytes go; set anew before each call
    bool ended;            // END or ERROR has passed
    bool started;          // START has passed
    struct err_info error; // of an ERROR
    bool too_large;        // outgrew the encoder's limit
    void *decoder, *encoder;
};

struct translation_options {
    enum dialect client, upstream;
    struct codec_decode_options decode;
    struct codec_encode_options encode;
    struct chat_sink tap;      // may be empty
    translate_scrub_fn *scrub; // of errors' messages; NULL: they pass
    void *scrub_ctx;
};

void translation_init(struct translation *t, const struct translation_options *o);
void translation_release(struct translation *t);

/** One upstream event; the client's bytes are appended to t->out. */
void translation_feed(struct translation *t, struct slice name, struct slice payload);

/** A whole upstream answer. */
void translation_whole(struct translation *t, struct slice body);

/** Upstream's stream is over. */
void translation_end(struct translation *t);

/** Upstream has paused, and is done with this answer to its request. */
static inline bool translation_is_paused(const struct translation *t)
{
    return t->resume.paused;
}

/**
 * Appends the request that asks it to go on, made of the one that was `sent`; what is fed from
 * here on is the answer to it.
 */
void translation_resume(struct translation *t, struct slice sent, struct buf *out);

/** An event of our own: CHAT_PING, or CHAT_ERROR when upstream broke off. */
void translation_inject(struct translation *t, const struct chat_event *ev);

#endif
