/* exchange.h - one request and its answer, from its head to its record. */
#ifndef EXCHANGE_EXCHANGE_H
#define EXCHANGE_EXCHANGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/random.h"
#include "chat/embed.h"
#include "chat/listener.h"
#include "chat/memory.h"
#include "chat/replay.h"
#include "chat/translate.h"
#include "exchange/classify.h"
#include "exchange/gateway.h"
#include "exchange/trail.h"
#include "http/client.h"
#include "http/server.h"
#include "policy/account.h"
#include "policy/record.h"
#include "policy/route.h"
#include "policy/rule.h"
#include "wire/sse.h"
#include "json/cut.h"
#include "json/splice.h"
#include "json/watch.h"

/*
 * CONNECTING..LOOKING: stage_attempt waits; see attempt.c for who makes each move.
 *
 *   attempt_begin--> CALLING --on_head--> LOOKING --the answer may pass--> ANSWERED
 *   any --attempt_fail--> FAILED
 */
enum attempt_state {
    ATTEMPT_NONE,
    ATTEMPT_CALLING, // connecting, sending, awaiting the head: the call knows which
    ATTEMPT_LOOKING, // the head is here; is it an answer or an error?
    ATTEMPT_ANSWERED,
    ATTEMPT_FAILED,
};

/* Rules that matched, and what became of each. */
struct ruled {
    const struct rule_outcome *outcomes;
    size_t count;
};

struct attempt {
    enum attempt_state state;
    const struct candidate *candidate;
    const struct credential *credential;
    const struct channel_route *route;
    struct slice action;        // Gemini's, where its path has one
    enum operation operation;   // what upstream is asked for
    enum dialect dialect;       // what upstream speaks
    enum framing framing;       // how it was asked to answer
    bool is_foreign;            // not in the client's words; else bytes pass
    struct chat_request *asked; // foreign: the client's request; where it is no conversation: notes
    struct embed embed;         // foreign, embed: what its answer must know
    struct slice body;          // not foreign: what is passed on, but for
    struct json_splice *splice; // what rules change of it; NULL: nothing
    struct json_span model_span, stream_options_span; // in `body`
    struct ruled ruled;
    const struct rule_header *headers; // that rules set or take out
    size_t header_count;
    struct http_target target;
    struct http_call call;
    struct buf head; // of the request; holds the credential, so it is wiped
    struct err_info err;
    struct slice content_type; // of the answer; in the arena, as is:
    struct slice fields;       // of the answer's head, the others that go on to the client
    struct slice first_error;  // translated: the error that a stream began with
    bool is_json, is_sse;      // the answer's content type
    int64_t began_at_ms;
    int64_t first_byte_at_ms; // deadline for the head
};

/* A question to the files' desk; exchange/files.c. */
struct file_errand;

/* How the answer goes on to the client. */
enum relay_mode {
    RELAY_UNDECIDED,
    RELAY_ERROR,      // an upstream's error: gathered whole, then sent
    RELAY_WHOLE,      // one document: gathered, edited where needed, sent at once
    RELAY_FLOW,       // one document too large to gather: flows, and is listened to
    RELAY_EVENTS,     // SSE, whole events
    RELAY_ITEMS,      // Gemini's array, whole elements
    RELAY_TRANSLATED, // events or a document, in another dialect
    RELAY_REWRITTEN,  // one document of another dialect: gathered, written anew, sent at once
    RELAY_FILE,       // what upstream says of a file: gathered, noted, sent at once
    RELAY_CONTENT,    // what is in a file: flows, and nobody looks at it
};

struct relay {
    enum relay_mode mode;
    struct buf gathered; // WHOLE, ERROR: the body so far; EVENTS, ITEMS: an event's beginning
    struct buf held;     // bytes that go after the record, or with the next element
    struct sse_cutter sse;
    struct json_cut cut;
    struct json_watch *watch;        // FLOW: in the arena
    struct translation *translation; // TRANSLATED: in the arena
    struct chat_memory memory;       // TRANSLATED: of what the model thinks
    bool is_remembered;
    int64_t last_word_at_ms; // TRANSLATED: upstream need not end its answer properly beyond it
    uint32_t picture;        // TRANSLATED: the latest part that is one, its index + 1; 0: none
    bool is_pausing;         // TRANSLATED: it is to go on, but does not yet
    bool is_asked;           // TRANSLATED: and has been asked to
    int64_t ping_at_ms;      // TRANSLATED: a sign of life is due by then; 0: not waiting
    bool primed;             // EVENTS: `gathered` has bytes that were only looked at
    bool started;            // response_start() was called
    bool wrote_item;         // ITEMS: one went before, so a comma is due
    bool withhold_usage;     // Chat: the client did not ask for the usage chunk
    bool saw_end;            // the dialect's last event has come
    bool replacing;          // FLOW: inside the model's value, which is not passed on
    bool is_draining;        // the client has gone: the answer is only listened to
    bool is_undoing;         // FILE: it cannot be kept and is deleted at upstream again
    uint64_t flowed;         // FLOW: bytes of the body seen
    int64_t drain_until_ms;  // draining: it is listened to until then,
    int64_t drain_bytes;     // and as long as no more than these have come
    int64_t idle_at_ms;      // upstream's next byte is due by then; 0: not waiting
    int64_t sent_bytes;
};

struct exchange {
    char id[ID_TEXT_BYTES];
    struct gateway_worker *gw;
    struct http_request *request; // NULL once it was answered
    struct snapshot *snapshot;
    struct arena arena;
    struct task task;
    struct timer timer;
    struct list link;
    struct trail trail;
    size_t stage;
    struct err_info err;
    const char *waiting_for; // for people: why it does not go on
    bool committed;          // the client has seen a byte
    bool failed;
    bool is_written, recorded;  // its record: is in the ring; is safe there, so the end may go
    struct journal_wait safety; // until when it waits for the latter
    int64_t give_up_at_ms;      // but no longer than that
    enum outcome outcome;

    /* receive */
    const struct head *head; // in the first run only
    struct target target;
    struct slice query;   // without the key
    struct slice forward; // header lines that go upstream
    struct slice client_request_id;
    struct slice origin, asked_headers; // for CORS
    unsigned char digest[KEY_DIGEST_BYTES];
    struct slice content_type; // of an upload
    bool has_key, is_options, is_data_route;
    int64_t content_length;

    /* authenticate */
    const struct key *key;

    /* resolve */
    const struct provider *scope;
    struct slice body; // whole, in `body_buf`
    struct buf body_buf;
    struct buf foreign_body; // the body in upstream's dialect
    int64_t body_charged;    // of the process's budget for bodies
    bool stream;
    enum framing framing;          // of the answer
    struct slice asked_model;      // as the client sent it
    struct slice model;            // as rules have left it: what aliases and models are called
    struct ruled inbound, variant; // rules for the client's words: everybody's, the alias's
    struct slice reply_model;      // JSON literal to put in replies; empty: leave them alone
    struct route *route;
    struct json_span model_span, stream_options_span; // in the body
    bool asked_usage;
    enum service_tier asked_tier;   // where it is a dearer one, else SERVICE_STANDARD
    bool has_tools, effort_is_none; // Chat: what decides between OpenAI's two dialects
    struct replay *replay;          // Responses, where they are kept: what the request goes on with
    struct slice expanded_body;     // with the items of that
    const struct chat_seal *seal;   // foreign_seal()'s, once it was asked for
    bool drop_reasoning;            // upstream has refused the reasoning of the conversation so far
    struct slice dropped;           // header value: what a translation had to leave out
    const struct credential *pinned; // the only one that may be used; NULL: any of the provider
    struct file_errand *errand;      // NULL: the files' desk is not asked

    /* admit */
    struct reservation reservation;
    int64_t reserved_nusd;   // what it may cost at most
    size_t admitted;         // the last candidate whose limits were asked
    bool may_go_unaccounted; // it is served though the ledger may have no room for its record
    bool is_metered;         // limits were asked: what they say is for the client
    bool bounds_output;      // the client says how much it wants at most
    uint32_t slot;

    /* attempt */
    size_t candidate, tried; // which candidate, how many of its credentials were tried
    unsigned attempts, first_credential;
    struct attempt attempt;

    /* relay */
    struct buf local; // an answer made here
    int local_status; // 0: none
    const char *local_type;
    bool local_is_recorded; // echo and counts are, lists are not
    struct listener listener;
    struct relay relay;

    /* times, monotonic ms; 0: never */
    int64_t began_at_ms, began_unix_ms, connected_at_ms, first_byte_at_ms;
    int64_t deadline_at_ms; // of the whole exchange; 0: none
    int http_status;        // what the client got
};

/** The handler of the data routes: http_request_fn and http_refuse_fn; ctx is the gateway_worker. */
void exchange_begin(void *gateway_worker, struct http_request *r, const struct head *head);
void exchange_refuse(void *gateway_worker, struct http_request *r, const struct err_info *e);

/** One that nobody has asked for, and that is never run: stages may be called one by one. */
struct exchange *exchange_make(struct gateway_worker *gw);
void exchange_free(struct exchange *x);

/** Whose key the head carries, for what is no exchange; NULL: nobody's.  Good for this turn. */
const struct key *gateway_key(struct gateway_worker *gw, const struct head *head);

/** Frees the structs that wait for their next life. */
void exchange_free_spares(struct gateway_worker *gw);

/** Runs its stages in this turn. */
void exchange_wake(struct exchange *x);

/** Wakes it at that time at the latest. */
void exchange_wake_at(struct exchange *x, int64_t at_ms);

/** Notes the first reason for failing. */
#define exchange_fail(x, code, ...) ((void)err_set(&(x)->err, (code), __VA_ARGS__), STAGE_FAIL)

/* What a stage says. */
enum verdict {
    STAGE_NEXT,  // go on with the next one
    STAGE_AGAIN, // run me again now
    STAGE_WAIT,  // run me again when woken
    STAGE_FAIL,  // x->err says why: refuse the client unless it is committed, then settle
};

/** The table, in stages.c. */
enum verdict stages_run(struct exchange *x, size_t stage);
extern const size_t stage_settle_index;
const char *stage_name(size_t stage);

#endif
