/* relay.h - the ways of passing an answer on, one function for each. */
#ifndef EXCHANGE_RELAY_H
#define EXCHANGE_RELAY_H

#include "exchange/exchange.h"

#define RELAY_LAST_WORD_MS 250 // for upstream to close an answer whose last event has come

/*
 * Each takes `bytes`, which is what http_body_peek() lends, and consumes what it is done
 * with; empty bytes mean that the answer has come to its end.  STAGE_AGAIN: give me more.
 */
enum verdict relay_whole(struct exchange *x, struct slice bytes);      // relay_body.c
enum verdict relay_flow(struct exchange *x, struct slice bytes);       // relay_body.c
enum verdict relay_events(struct exchange *x, struct slice bytes);     // relay_stream.c
enum verdict relay_items(struct exchange *x, struct slice bytes);      // relay_stream.c
enum verdict relay_translated(struct exchange *x, struct slice bytes); // relay_translate.c
enum verdict relay_rewritten(struct exchange *x, struct slice bytes);  // relay_rewrite.c
enum verdict relay_file(struct exchange *x, struct slice bytes);       // relay_file.c
enum verdict relay_content(struct exchange *x, struct slice bytes);    // relay_file.c

void relay_start(struct exchange *x, int status, int64_t length);
void relay_write(struct exchange *x, struct slice bytes);
enum verdict relay_done(struct exchange *x);
enum verdict relay_break(struct exchange *x, enum err code, const char *why);

/** The end of a stream is recorded and nothing more will come: closes what stands open of it. */
enum verdict relay_close(struct exchange *x); // relay_stream.c

/**
 * The bytes to look at: upstream's own where nothing is gathered, so that nothing is copied;
 * relay_keep() then keeps what was not used, for the next ones.
 */
struct slice relay_unread(struct exchange *x, struct slice bytes, bool *gathered);
void relay_keep(struct exchange *x, struct slice unread, bool gathered, size_t fresh_len);

/** Puts `bytes` to what is gathered of an answer that must be whole to be translated. */
enum verdict relay_gather(struct exchange *x, struct slice bytes);
bool relay_gather_more(struct exchange *x, struct slice bytes); // false: it is too large

/** An upstream's refusal, or its error inside HTTP 200, in the client's own dialect. */
enum verdict relay_error(struct exchange *x);

/** What upstream, which speaks another dialect, said when it refused; without secrets. */
void relay_read_refusal(const struct exchange *x, struct err_info *e);

/** A file that cannot be kept is deleted at upstream again, then the client is told; relay_file.c. */
enum verdict relay_file_undo(struct exchange *x);

/** Upstream does not know the file that is to be deleted: it is noted as gone; relay_file.c. */
enum verdict relay_file_gone(struct exchange *x);

/** x->err as the in-band error that ends a stream which has begun. */
void relay_write_error(struct exchange *x, struct buf *out);

/** Makes the translation of the answer; once, before any byte of it is fed. */
void relay_translation_start(struct exchange *x);

/**
 * Takes what still comes of an answer whose last event has come, so that the connection is
 * used again.  False: the end is waited for, a moment at most.
 */
bool relay_take_rest(struct exchange *x);

/** Upstream has paused: asks it to go on, and waits until it does.  STAGE_AGAIN: it goes on. */
enum verdict relay_resume(struct exchange *x); // resume.c

/** Which way this answer goes on to the client. */
void relay_decide(struct exchange *x);

/**
 * The client has gone in the middle of an answer.  True: upstream is to be heard to the end, for
 * its figures, and relay_drain() takes the place of the stages.  False: it is cancelled.
 */
bool relay_drain_begin(struct exchange *x); // relay_drain.c

/** Listens.  STAGE_FAIL: it is over, one way or the other. */
enum verdict relay_drain(struct exchange *x); // relay_drain.c

/**
 * What the above do, but that they only listen.  Empty bytes: what had been looked at is to be
 * heard, or the answer has come to its end.  False: nothing can be made of it.
 */
bool relay_events_hear(struct exchange *x, struct slice bytes);     // relay_stream.c
bool relay_items_hear(struct exchange *x, struct slice bytes);      // relay_stream.c
void relay_flow_listen(struct exchange *x);                         // relay_body.c
void relay_flow_hear(struct exchange *x, struct slice piece);       // relay_body.c
bool relay_translated_hear(struct exchange *x, struct slice bytes); // relay_translate.c
bool relay_rewritten_hear(struct exchange *x, struct slice bytes);  // relay_rewrite.c

/** A sign of life for a client whose stream is silent. */
void relay_translation_ping(struct exchange *x);

#endif
